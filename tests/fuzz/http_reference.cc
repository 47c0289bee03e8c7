#include "tests/fuzz/http_reference.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/parser.hpp>

#include "tests/fuzz/fuzz.h"
#include "worker/protocol/http_body.h"

namespace berth::fuzz {
namespace {

namespace beast = boost::beast;
using Outcome = BeastMessage::Outcome;

// A body that takes what comes; Beast's own reserves what a head announces.
struct Collected {
  using value_type = std::string;
  class reader {
   public:
    template <bool kIsRequest, class Fields>
    reader(beast::http::header<kIsRequest, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>&, beast::error_code& error) { error = {}; }
    template <class Buffers>
    std::size_t put(const Buffers& buffers, beast::error_code& error) {
      error = {};
      std::size_t taken = 0;
      for (const boost::asio::const_buffer buffer : beast::buffers_range_ref(buffers)) {
        body_.append(static_cast<const char*>(buffer.data()), buffer.size());
        taken += buffer.size();
      }
      return taken;
    }
    void finish(beast::error_code& error) { error = {}; }

   private:
    value_type& body_;
  };
};

template <bool kIsRequest>
void TakeHead(const beast::http::parser<kIsRequest, Collected>& parser, BeastMessage& message) {
  const auto& head = parser.get();
  message.outcome = Outcome::kHead;
  message.head.version = static_cast<int>(head.version());
  message.head.keep_alive = parser.keep_alive();
  for (const auto& field : head) {
    message.head.fields.push_back({std::string(field.name_string()), std::string(field.value())});
  }
  if (parser.chunked()) {
    message.head.framing = http::Framing::kChunked;
  } else if (parser.content_length()) {
    message.head.framing = http::Framing::kLength;
    message.head.content_length = *parser.content_length();
  } else if (parser.need_eof()) {
    message.head.framing = http::Framing::kUntilClose;
  }
  if constexpr (kIsRequest) {
    message.method = head.method_string();
    message.target = head.target();
  } else {
    message.status = static_cast<int>(head.result_int());
    message.reason = head.reason();
  }
}

template <bool kIsRequest>
BeastMessage Read(std::string_view bytes, bool skip) {
  BeastMessage message;
  beast::http::parser<kIsRequest, Collected> parser;
  parser.header_limit(static_cast<std::uint32_t>(http::HeadLimits().block));
  parser.body_limit(boost::none);
  parser.skip(skip);
  beast::error_code error;
  std::size_t used = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  message.error = error ? error.message() : "";
  if (!parser.is_header_done()) {
    if (!error || error == beast::http::error::need_more) message.outcome = Outcome::kNeedMore;
    return message;
  }
  TakeHead(parser, message);
  parser.eager(true);
  // Each call takes what it can; none: it wants more than there is.
  while (!error && !parser.is_done() && used < bytes.size()) {
    const std::size_t taken = parser.put(boost::asio::buffer(bytes.data() + used, bytes.size() - used), error);
    used += taken;
    if (taken == 0) break;
  }
  message.body_error = error && error != beast::http::error::need_more ? error.message() : "";
  message.whole = parser.is_done();
  message.consumed = used;
  message.body = parser.get().body();
  return message;
}

std::string Show(const http::Head& head) {
  std::string text = "version " + std::to_string(head.version) + " framing " +
                     std::to_string(static_cast<int>(head.framing)) + " length " +
                     std::to_string(head.content_length) + " keep-alive " + std::to_string(head.keep_alive);
  for (const http::Field& field : head.fields) text += "\n    " + field.name + ": " + field.value;
  return text;
}

bool SameFields(const std::vector<http::Field>& a, const std::vector<http::Field>& b) {
  return std::ranges::equal(a, b, [](const http::Field& x, const http::Field& y) {
    return x.name == y.name && x.value == y.value;
  });
}

std::string Lowered(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

// Beast keeps fields of one name together; their order among themselves is what counts.
std::vector<http::Field> ByName(std::vector<http::Field> fields) {
  std::ranges::stable_sort(fields, {}, [](const http::Field& field) { return Lowered(field.name); });
  return fields;
}

bool IsClean(std::string_view head) {
  for (std::size_t i = 0; i < head.size(); ++i) {
    const auto c = static_cast<unsigned char>(head[i]);
    const bool line_end = c == '\r' && i + 1 < head.size() && head[i + 1] == '\n';
    if (line_end) {
      ++i;
    } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
      return false;
    }
  }
  return true;
}

bool IsChunkedAlone(std::string_view coding) { return http::EqualsIgnoreCase(coding, "chunked"); }

std::string FramingReason(const BeastMessage& beast) {
  const std::size_t lengths = CountFields(beast.head, "content-length");
  const std::size_t codings = CountFields(beast.head, "transfer-encoding");
  if (lengths > 1) return "more than one Content-Length";
  if (codings > 1) return "more than one Transfer-Encoding";
  if (lengths > 0 && codings > 0) return "both Content-Length and Transfer-Encoding";
  if (codings > 0 && beast.head.version == 10) return "Transfer-Encoding in HTTP/1.0";
  if (codings > 0 && !IsChunkedAlone(*beast.head.Find("transfer-encoding"))) return "a coding that is not chunked alone";
  if (lengths == 0) return "";
  const std::string& length = *beast.head.Find("content-length");
  const bool digits = !length.empty() && std::ranges::all_of(length, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return "a Content-Length that is not one number";
  return beast.head.content_length > 1ULL << 62 ? "a Content-Length beyond 2^62" : "";
}

bool IsDisguised(std::string name) {
  if (name.find('_') == std::string::npos) return false;
  std::ranges::replace(name, '_', '-');
  return http::EqualsIgnoreCase(name, "content-length") || http::EqualsIgnoreCase(name, "transfer-encoding");
}

// Options of all Connection fields; enough for looking whether one is named.
bool ConnectionNames(const http::Head& head, std::string_view wanted) {
  for (const http::Field& field : head.fields) {
    if (!http::EqualsIgnoreCase(field.name, "connection")) continue;
    std::string list = "," + Lowered(field.value) + ",";
    std::erase_if(list, [](char c) { return c == ' ' || c == '\t'; });
    if (list.find("," + std::string(wanted) + ",") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

BeastMessage ReadRequestWithBeast(std::string_view bytes) { return Read<true>(bytes, false); }

BeastMessage ReadResponseWithBeast(std::string_view bytes, std::string_view method) {
  return Read<false>(bytes, method == "HEAD");
}

void RequireSameHead(const http::Head& ours, const BeastMessage& beast) {
  Require(SameFields(ByName(ours.fields), ByName(beast.head.fields)), "both readers see the same fields", Show(ours) + "\n  " + Show(beast.head));
  Require(ours.version == beast.head.version, "both readers see the same version");
}

void RequireSameBody(const http::Head& ours, std::string_view after_head, std::size_t head_bytes,
                     const BeastMessage& beast) {
  http::BodyReader reader(ours);
  std::string payload;
  const auto step = reader.Feed(after_head, &payload);
  Require(step.consumed <= after_head.size(), "a body is no longer than what there is");
  if (step.bad) return;  // the body's fuzzer has the table of reasons
  Require(beast.body_error.empty(), "a body that is accepted is one to both readers", beast.body_error);
  if (ours.framing == http::Framing::kUntilClose) return;
  Require(reader.done() == beast.whole, "both readers see the message end, or neither does");
  Require(payload == beast.body, "both readers see the same payload", payload + "\n  " + beast.body);
  if (reader.done()) {
    Require(head_bytes + step.consumed == beast.consumed, "both readers see the message end at the same byte");
  }
}

void RequireEqual(const http::Head& a, const http::Head& b) {
  const bool same = SameFields(a.fields, b.fields) && a.version == b.version && a.framing == b.framing &&
                    a.content_length == b.content_length && a.keep_alive == b.keep_alive &&
                    a.expect_continue == b.expect_continue;
  Require(same, "the head is the same", Show(a) + "\n  " + Show(b));
}

std::string SharedReason(std::string_view head_bytes, const BeastMessage& beast) {
  if (!IsClean(head_bytes)) return "control characters, or lines that do not end with CRLF";
  if (head_bytes.find("\r\n ") != std::string_view::npos || head_bytes.find("\r\n\t") != std::string_view::npos) {
    return "a folded line";
  }
  if (beast.head.fields.size() > http::HeadLimits().fields) return "too many fields";
  if (const std::string framing = FramingReason(beast); !framing.empty()) return framing;
  for (const http::Field& field : beast.head.fields) {
    if (IsDisguised(field.name)) return "a framing field in disguise";
  }
  if (ConnectionNames(beast.head, "content-length") || ConnectionNames(beast.head, "host")) {
    return "Connection names what no hop may remove";
  }
  return "";
}

std::string_view HeadOf(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? bytes : bytes.substr(0, end + 4);
}

std::size_t CountFields(const http::Head& head, std::string_view name) {
  return static_cast<std::size_t>(std::ranges::count_if(
      head.fields, [name](const http::Field& field) { return http::EqualsIgnoreCase(field.name, name); }));
}

void RequireGoodError(const http::HeadError& error) {
  RequireReadable(error.message, 300);
  const bool known = error.code == "parse" || error.code == "smuggling" || error.code == "header_too_large";
  Require(known, "a refusal has a code that metrics know", error.code);
  constexpr int kStatuses[] = {400, 414, 417, 431, 501, 505};
  Require(std::ranges::find(kStatuses, error.status) != std::end(kStatuses), "a refusal has a status of the contract",
          std::to_string(error.status));
}

}  // namespace berth::fuzz
