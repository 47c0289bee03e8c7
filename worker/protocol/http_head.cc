#include "worker/protocol/http_head.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <charconv>
#include <utility>

#include "supervisor/base/result.h"
#include "worker/protocol/http_scan.h"
#include "worker/protocol/http_target.h"

namespace beast = boost::beast;

namespace berth::http {
namespace {

constexpr std::size_t kUsualFields = 12;

// Beast's parser as a second, independent reader of a head that the scan let through. It hands over the
// pieces; whoever disagrees refuses.
template <bool kIsRequest>
class HeadParser : public beast::http::basic_parser<kIsRequest> {
 public:
  explicit HeadParser(Head& head, std::size_t bytes) : head_(head) {
    this->skip(true);
    this->body_limit(boost::none);
    this->header_limit(static_cast<std::uint32_t>(bytes + 1));
    head.fields.reserve(kUsualFields);
  }

  std::string first;   // method or reason
  std::string target;  // requests
  int status = 0;      // responses

 private:
  using string_view = beast::string_view;
  using error_code = beast::error_code;

  void on_request_impl(beast::http::verb, string_view method, string_view request_target, int version,
                       error_code&) override {
    first.assign(method.data(), method.size());
    target.assign(request_target.data(), request_target.size());
    head_.version = version;
  }
  void on_response_impl(int code, string_view reason, int version, error_code&) override {
    first.assign(reason.data(), reason.size());
    status = code;
    head_.version = version;
  }
  void on_field_impl(beast::http::field, string_view name, string_view value, error_code&) override {
    Field& field = head_.fields.emplace_back();
    field.name.assign(name.data(), name.size());
    field.value.assign(value.data(), value.size());
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  Head& head_;
};

std::vector<std::string_view> SplitList(std::string_view list) {
  std::vector<std::string_view> items;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    items.push_back(TrimWhitespace(list.substr(at, end - at)));
    at = end + 1;
  }
  return items;
}

// What a refusal shows of a head.
std::string Shortened(std::string_view text) {
  constexpr std::size_t kMost = 80;
  return OneLine(std::string(text.substr(0, kMost)).append(text.size() > kMost ? "…" : ""));
}

std::optional<HeadError> CheckCoding(const FramingFields& found, int version) {
  if (found.lengths > 0) return Smuggling("both Content-Length and Transfer-Encoding");
  if (version == 10) return Smuggling("Transfer-Encoding in an HTTP/1.0 message");
  if (found.codings > 1) return Smuggling("more than one Transfer-Encoding");
  if (EqualsIgnoreCase(found.coding, "chunked")) return std::nullopt;
  const auto codings = SplitList(found.coding);
  for (std::size_t i = 0; i < codings.size(); ++i) {
    const bool last = i + 1 == codings.size();
    if (!IsToken(codings[i]) || (EqualsIgnoreCase(codings[i], "chunked") && !last)) {
      return Smuggling("Transfer-Encoding is not exactly \"chunked\"");
    }
  }
  return HeadError{501, "parse",
                   "the transfer coding " + Shortened(found.coding) + " is not implemented"};
}

std::optional<HeadError> ReadLength(const FramingFields& found, std::uint64_t* length) {
  if (found.lengths > 1) return Smuggling("more than one Content-Length");
  const std::string_view text = found.length;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *length);
  const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  if (!digits) return Smuggling("Content-Length is not one number in digits");
  if (error != std::errc() || end != text.data() + text.size() || *length > (1ULL << 62)) {
    return Smuggling("Content-Length is beyond all bounds");
  }
  return std::nullopt;
}

// Sets framing and content_length from the framing fields.
std::optional<HeadError> ApplyFraming(const FramingFields& found, Head* head) {
  if (!found.disguised.empty()) return Smuggling("a header named " + Shortened(found.disguised));
  if (found.codings > 0) {
    if (auto error = CheckCoding(found, head->version)) return error;
    head->framing = Framing::kChunked;
    return std::nullopt;
  }
  if (found.lengths == 0) return std::nullopt;
  if (auto error = ReadLength(found, &head->content_length)) return error;
  head->framing = Framing::kLength;
  return std::nullopt;
}

// Calls `visit` with every option of every Connection field.
template <class Visit>
void ForEachOption(const Head& head, Visit visit) {
  for (const Field& field : head.fields) {
    if (!EqualsIgnoreCase(field.name, "connection")) continue;
    for (std::string_view option : SplitList(field.value)) visit(option);
  }
}

bool HasOption(const Head& head, std::string_view wanted) {
  bool found = false;
  ForEachOption(head, [&](std::string_view option) { found = found || EqualsIgnoreCase(option, wanted); });
  return found;
}

// Sets keep_alive by the options of all Connection fields.
std::optional<HeadError> ApplyConnection(Head* head) {
  bool close = false;
  bool keep = head->version == 11;
  bool bad = false;
  ForEachOption(*head, [&](std::string_view option) {
    close = close || EqualsIgnoreCase(option, "close");
    keep = keep || EqualsIgnoreCase(option, "keep-alive");
    bad = bad || EqualsIgnoreCase(option, "content-length") || EqualsIgnoreCase(option, "host");
  });
  if (bad) return Smuggling("Connection names a field that no hop may remove");
  head->keep_alive = keep && !close;
  return std::nullopt;
}

std::optional<HeadError> CheckHost(const RequestHead& head, std::string_view authority) {
  const std::string* host = nullptr;
  std::size_t count = 0;
  for (const Field& field : head.fields) {
    if (!EqualsIgnoreCase(field.name, "host")) continue;
    host = &field.value;
    ++count;
  }
  if (count > 1) return Malformed("more than one Host header");
  if (count == 0) {
    if (head.version == 11) return Malformed("no Host header; HTTP/1.1 requires one");
    return std::nullopt;
  }
  if (!IsHostValue(*host)) return Malformed("the Host header is not a host with an optional port");
  if (!authority.empty() && !EqualsIgnoreCase(authority, *host)) {
    return Malformed("the Host header disagrees with the URL in the request line");
  }
  return std::nullopt;
}

std::optional<HeadError> CheckExpect(RequestHead* head) {
  for (const Field& field : head->fields) {
    if (!EqualsIgnoreCase(field.name, "expect")) continue;
    if (!EqualsIgnoreCase(field.value, "100-continue")) {
      return HeadError{417, "parse", "the only expectation that can be met is 100-continue"};
    }
    const bool body = head->framing == Framing::kChunked || head->content_length > 0;
    head->expect_continue = head->version == 11 && body;  // RFC 9110 §10.1.1: ignored in HTTP/1.0
  }
  return std::nullopt;
}

template <bool kIsRequest>
std::optional<HeadError> RunParser(HeadParser<kIsRequest>& parser, std::string_view bytes) {
  beast::error_code error;
  parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error == beast::http::error::bad_version) {
    return HeadError{505, "parse", "not an HTTP/1.0 or HTTP/1.1 message"};
  }
  if (error) return Malformed("the head is malformed: " + error.message());
  if (!parser.is_header_done()) return Malformed("the head is malformed");
  return std::nullopt;
}

int VersionOf(std::string_view head, bool request) {
  const std::size_t digit = request ? head.find("\r\n") - 1 : std::string_view("HTTP/1.").size();
  return head[digit] == '0' ? 10 : 11;
}

std::optional<HeadError> CheckStatusLine(std::string_view line) {
  const bool shaped =
      line.size() >= 13 && (line.substr(0, 9) == "HTTP/1.1 " || line.substr(0, 9) == "HTTP/1.0 ");
  const bool status = shaped && line[9] >= '1' && line[9] <= '5' && line[12] == ' ';
  if (!status) return Malformed("not the status line of an HTTP/1 response");
  return std::nullopt;
}

RequestResult FinishRequest(std::string_view bytes, const FramingFields& framing) {
  RequestHead head;
  head.version = VersionOf(bytes, true);
  // Framing is judged first: whatever else is wrong, smuggling is what must be counted.
  if (auto error = ApplyFraming(framing, &head)) return std::move(*error);
  HeadParser<true> parser(head, bytes.size());
  if (auto error = RunParser(parser, bytes)) return std::move(*error);
  head.method = std::move(parser.first);
  Target target = SplitTarget(parser.target);
  head.target = std::move(target.origin);
  head.path = std::move(target.path);
  head.query = std::move(target.query);
  if (auto error = ApplyConnection(&head)) return std::move(*error);
  if (auto error = CheckHost(head, target.authority)) return std::move(*error);
  if (auto error = CheckExpect(&head)) return std::move(*error);
  return head;
}

bool HasNoBody(int status, std::string_view method) {
  return method == "HEAD" || status / 100 == 1 || status == 204 || status == 304;
}

ResponseResult FinishResponse(std::string_view bytes, const FramingFields& framing, std::string_view method) {
  ResponseHead head;
  head.version = VersionOf(bytes, false);
  if (auto error = ApplyFraming(framing, &head)) return std::move(*error);
  HeadParser<false> parser(head, bytes.size());
  if (auto error = RunParser(parser, bytes)) return std::move(*error);
  head.status = parser.status;
  head.reason = std::move(parser.first);
  if (auto error = ApplyConnection(&head)) return std::move(*error);
  if (HasNoBody(head.status, method)) {
    head.framing = Framing::kNone;
  } else if (head.framing == Framing::kNone) {
    head.framing = Framing::kUntilClose;
    head.keep_alive = false;
  }
  return head;
}

}  // namespace

const std::string* Head::Find(std::string_view name) const {
  for (const Field& field : fields) {
    if (EqualsIgnoreCase(field.name, name)) return &field.value;
  }
  return nullptr;
}

RequestResult ParseRequestHead(std::string_view bytes, const HeadLimits& limits) {
  // RFC 9112 §2.2: one empty line before the request line is ignored; old clients end bodies with it.
  const std::size_t skipped = bytes.substr(0, 2) == "\r\n" ? 2 : 0;
  bytes.remove_prefix(skipped);
  auto scan = ScanHead(bytes, limits, CheckRequestLine);
  if (auto* error = std::get_if<HeadError>(&scan)) return std::move(*error);
  if (std::holds_alternative<NeedMore>(scan)) return NeedMore{};
  const auto& [length, framing] = std::get<ScannedHead>(scan);
  RequestResult result = FinishRequest(bytes.substr(0, length), framing);
  if (auto* head = std::get_if<RequestHead>(&result)) head->bytes = skipped + length;
  return result;
}

ResponseResult ParseResponseHead(std::string_view bytes, std::string_view method, const HeadLimits& limits) {
  auto scan = ScanHead(bytes, limits, CheckStatusLine);
  if (auto* error = std::get_if<HeadError>(&scan)) return std::move(*error);
  if (std::holds_alternative<NeedMore>(scan)) return NeedMore{};
  const auto& [length, framing] = std::get<ScannedHead>(scan);
  ResponseResult result = FinishResponse(bytes.substr(0, length), framing, method);
  if (auto* head = std::get_if<ResponseHead>(&result)) head->bytes = length;
  return result;
}

bool EqualLetters(std::string_view a, std::string_view b) {
  auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool IsHopByHop(const Head& head, std::string_view field_name) {
  static constexpr std::string_view kNames[] = {"connection", "keep-alive",        "te",
                                                "trailer",    "transfer-encoding", "upgrade"};
  for (std::string_view name : kNames) {
    if (EqualsIgnoreCase(field_name, name)) return true;
  }
  constexpr std::string_view kProxy = "proxy-";
  if (EqualsIgnoreCase(field_name.substr(0, kProxy.size()), kProxy)) return true;
  return HasOption(head, field_name);
}

}  // namespace berth::http
