// Request heads: cut anywhere they give the same answer; what is accepted, a worker accepts behind the proxy, with the
// same meaning; Boost.Beast's full parser reads the same message, head and body, or there is a reason in the table.
#include <algorithm>

#include "supervisor/route/heads.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/http_reference.h"
#include "worker/protocol/http_body.h"

namespace berth::fuzz {
namespace {

using http::HeadError;
using http::NeedMore;
using http::RequestHead;
using http::RequestResult;

void RequireEqualRequests(const RequestHead& a, const RequestHead& b) {
  RequireEqual(a, b);
  Require(a.method == b.method && a.path == b.path && a.query == b.query && a.target == b.target,
          "the request line is the same", a.target + " / " + b.target);
}

// A part of the bytes says "more", or what the whole says.
void CheckPrefix(std::string_view part, const RequestResult& whole) {
  const RequestResult result = http::ParseRequestHead(part, {});
  if (std::holds_alternative<NeedMore>(result)) {
    const auto* head = std::get_if<RequestHead>(&whole);
    Require(head == nullptr || part.size() < head->bytes, "a whole head needs no more bytes");
    return;
  }
  Require(result.index() == whole.index(), "a head cut short is not judged otherwise than the whole", part);
  if (const auto* head = std::get_if<RequestHead>(&result)) {
    RequireEqualRequests(*head, std::get<RequestHead>(whole));
    Require(head->bytes == std::get<RequestHead>(whole).bytes, "a head ends at the same byte");
  } else {
    const auto& error = std::get<HeadError>(result);
    const auto& expected = std::get<HeadError>(whole);
    Require(error.status == expected.status && error.code == expected.code && error.message == expected.message,
            "a head cut short is refused as the whole is", error.message + " / " + expected.message);
  }
}

void CheckCuts(std::string_view bytes, const RequestResult& whole) {
  const auto* head = std::get_if<RequestHead>(&whole);
  for (const std::size_t cut : Cuts(bytes.size(), head ? head->bytes : bytes.size())) {
    CheckPrefix(bytes.substr(0, cut), whole);
  }
}

// Written plainly, the head means the same.
void CheckRewritten(const RequestHead& head) {
  std::string bytes = head.method + " " + head.target + (head.version == 10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (const http::Field& field : head.fields) bytes.append(field.name).append(": ").append(field.value).append("\r\n");
  bytes += "\r\n";
  http::HeadLimits limits;
  limits.block += 4 * limits.fields;  // the space after a colon, where there was none
  const RequestResult again = http::ParseRequestHead(bytes, limits);
  const auto* error = std::get_if<HeadError>(&again);
  Require(error == nullptr, "what was accepted is accepted when written again", error ? error->message : "");
  Require(std::holds_alternative<RequestHead>(again), "what was written is whole", bytes);
  RequireEqualRequests(head, std::get<RequestHead>(again));
}

// The worker behind the proxy sees the same request, and the proxy's word alone on what is the proxy's to say.
void CheckUpstream(const RequestHead& head) {
  if (head.target == "*") return;  // answered by the proxy
  route::UpstreamHeadFacts facts;
  facts.path = head.path;
  facts.model = "bge";
  facts.model_requested = "alias";
  facts.request_id = "req-1";
  facts.client_address = "127.0.0.1";
  facts.claim = protocol::Claim{3, 7};
  const std::string bytes = route::MakeUpstreamHead(head, facts);
  const RequestResult result = http::ParseRequestHead(bytes, http::kLimitsBehindProxy);
  const auto* error = std::get_if<HeadError>(&result);
  Require(error == nullptr, "the worker accepts what the proxy accepted", error ? error->message : "");
  Require(std::holds_alternative<RequestHead>(result), "the proxy writes whole heads", bytes);
  const auto& seen = std::get<RequestHead>(result);
  Require(seen.bytes == bytes.size(), "the proxy writes one head", bytes);
  Require(seen.method == head.method && seen.path == head.path && seen.query == head.query,
          "the worker sees the same request line", seen.target);
  const bool chunked = head.framing == http::Framing::kChunked;
  Require((seen.framing == http::Framing::kChunked) == chunked && seen.content_length == head.content_length,
          "the worker sees the same framing", bytes);
  Require(CountFields(seen, protocol::kClaimHeader) == 1 && *seen.Find(protocol::kClaimHeader) == "3.7",
          "the claim is the proxy's", bytes);
  Require(CountFields(seen, "X-Berth-Model") == 1 && *seen.Find("X-Berth-Model") == "bge", "the model is the proxy's");
  Require(seen.Find("Authorization") == nullptr, "the daemon's key stays with the daemon");
}

std::string HostReason(const BeastMessage& beast) {
  const std::size_t hosts = CountFields(beast.head, "host");
  if (hosts > 1) return "more than one Host";
  if (hosts == 0) return beast.head.version == 11 ? "no Host in HTTP/1.1" : "";
  const std::string& host = *beast.head.Find("host");
  const bool plain = std::ranges::all_of(host, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
           c == '_' || c == '~';
  });
  // Whatever is more than letters and digits may be a wrong port or bracket; a plain one is never refused.
  return plain ? "" : "a Host that may be none";
}

bool HasDotSegment(const std::string& path) {
  std::string plain;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool dot = path[i] == '%' && i + 2 < path.size() && path[i + 1] == '2' && (path[i + 2] | 0x20) == 'e';
    plain += dot ? '.' : path[i];
    if (dot) i += 2;
  }
  plain = "/" + plain + "/";
  return plain.find("/./") != std::string::npos || plain.find("/../") != std::string::npos;
}

std::string TargetReason(const BeastMessage& beast) {
  const std::string& target = beast.target;
  const bool odd = std::ranges::any_of(target, [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f ||
           std::string_view("\"<>#").find(c) != std::string_view::npos;
  });
  if (odd) return "characters that must be escaped";
  if (target == "*") return beast.method == "OPTIONS" ? "" : "* without OPTIONS";
  if (!target.starts_with('/')) return "a target that is no path";  // URLs must agree with Host and hold a path
  const std::string path = target.substr(0, target.find('?'));
  if (path.find_first_of("\\%") != std::string::npos) return "a path with escapes or backslashes";
  return HasDotSegment(path) ? "dot segments" : "";
}

// What Beast takes and Berth refuses: the table of Berth's strictness.
std::string WhyStricter(std::string_view bytes, const BeastMessage& beast) {
  const std::string_view head = HeadOf(bytes);
  if (head.find("\r\n") > http::HeadLimits().line) return "a request line beyond the limit";
  if (std::string reason = SharedReason(head, beast); !reason.empty()) return reason;
  if (std::string reason = HostReason(beast); !reason.empty()) return reason;
  if (std::string reason = TargetReason(beast); !reason.empty()) return reason;
  for (const http::Field& field : beast.head.fields) {
    const bool expect = http::EqualsIgnoreCase(field.name, "expect");
    if (expect && !http::EqualsIgnoreCase(field.value, "100-continue")) return "an expectation that cannot be met";
  }
  return "";
}

void CheckBeside(std::string_view bytes, const RequestResult& ours) {
  const BeastMessage beast = ReadRequestWithBeast(bytes);
  const bool taken = beast.outcome == BeastMessage::Outcome::kHead;
  if (std::holds_alternative<NeedMore>(ours)) {
    return Require(!taken, "where Berth waits for more of a head, no other reader has it whole");
  }
  if (const auto* error = std::get_if<HeadError>(&ours)) {
    if (taken) Require(!WhyStricter(bytes, beast).empty(), "a refusal has a reason in the table", error->message);
    return;
  }
  const auto& head = std::get<RequestHead>(ours);
  Require(taken, "what Berth accepts, Beast accepts", beast.error);
  RequireSameHead(head, beast);
  Require(head.method == beast.method, "both readers see the same method");
  const bool url = !beast.target.starts_with('/') && beast.target != "*";
  if (!url) Require(head.target == beast.target, "both readers see the same target", beast.target);
  if (url) Require(beast.target.ends_with(head.query), "a URL is cut to its path and query", beast.target);
  Require(head.framing == beast.head.framing && head.content_length == beast.head.content_length,
          "both readers frame the body alike");
  Require(head.keep_alive == beast.head.keep_alive, "both readers keep the connection, or neither does");
  RequireSameBody(head, bytes.substr(head.bytes), head.bytes, beast);
}

void Run(std::string_view bytes) {
  const RequestResult whole = http::ParseRequestHead(bytes, {});
  if (const auto* error = std::get_if<HeadError>(&whole)) RequireGoodError(*error);
  CheckCuts(bytes, whole);
  if (const auto* head = std::get_if<RequestHead>(&whole)) {
    Require(head->bytes <= bytes.size(), "a head is no longer than what there is");
    CheckRewritten(*head);
    CheckUpstream(*head);
  }
  if (bytes.starts_with("\r\n")) return;  // Berth skips one empty line; Beast takes it for the request line
  CheckBeside(bytes, whole);
}

const Registration kRegistration("http_request", Run);

}  // namespace
}  // namespace berth::fuzz
