#include "supervisor/route/heads.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <span>
#include <string_view>

#include "worker/protocol/http_message.h"

namespace berth::route {
namespace {

constexpr std::size_t kMaxRequestId = 128;
constexpr std::string_view kOwnPrefix = "X-Berth-";

// Said by the proxy itself, or not the next hop's business. Authorization is the key to this daemon: no worker needs it.
constexpr auto kNotUpstream = std::to_array<std::string_view>(
    {"Host", "Content-Length", "Expect", "X-Request-Id", "X-Forwarded-For", "X-Deadline-Ms", "Authorization"});
constexpr auto kNotToClient =
    std::to_array<std::string_view>({"Content-Length", "X-Request-Id", "X-Model-Id", "X-Queue-Ms"});

bool IsOneOf(std::string_view name, std::span<const std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [name](auto other) { return http::EqualsIgnoreCase(name, other); });
}

// `value`: the plan's, the proxy's own, or out of a head, which has no control characters.
void Add(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

// Decoded text of a client must not end the line.
void AddDecoded(std::string& out, std::string_view name, std::string_view value) {
  const std::size_t begin = out.size();
  Add(out, name, value);
  std::replace_if(
      out.begin() + static_cast<std::ptrdiff_t>(begin), out.end() - 2,
      [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
}

bool IsOwn(std::string_view name) { return http::EqualsIgnoreCase(name.substr(0, kOwnPrefix.size()), kOwnPrefix); }

bool GoesUpstream(const http::RequestHead& head, std::string_view name) {
  return !IsOwn(name) && !http::IsHopByHop(head, name) && !IsOneOf(name, kNotUpstream);
}

bool GoesToClient(const http::ResponseHead& head, std::string_view name) {
  return !IsOwn(name) && !http::IsHopByHop(head, name) && !IsOneOf(name, kNotToClient);
}

void AddRequestFraming(std::string& out, const http::RequestHead& head, const UpstreamHeadFacts& facts) {
  if (facts.body_bytes) return Add(out, "Content-Length", std::to_string(*facts.body_bytes));
  if (head.framing == http::Framing::kChunked) return Add(out, "Transfer-Encoding", "chunked");
  Add(out, "Content-Length", std::to_string(head.content_length));
}

}  // namespace

std::string MakeUpstreamHead(const http::RequestHead& head, const UpstreamHeadFacts& facts) {
  std::string out;
  out.reserve(head.bytes + 512);
  out.append(head.method).append(" ").append(facts.path);
  if (!head.query.empty()) out.append("?").append(head.query);
  out.append(" HTTP/1.1\r\n");
  Add(out, "Host", "berth-worker");
  std::string forwarded;
  for (const http::Field& field : head.fields) {
    if (GoesUpstream(head, field.name)) Add(out, field.name, field.value);
    if (http::EqualsIgnoreCase(field.name, "X-Forwarded-For")) forwarded += field.value + ", ";
  }
  AddRequestFraming(out, head, facts);
  Add(out, "X-Forwarded-For", forwarded.append(facts.client_address));
  Add(out, "X-Request-Id", facts.request_id);
  Add(out, "X-Berth-Model", facts.model);
  AddDecoded(out, "X-Berth-Model-Requested", facts.model_requested);
  if (facts.claim) Add(out, protocol::kClaimHeader, protocol::FormatClaim(*facts.claim));
  if (facts.deadline_ms) Add(out, "X-Deadline-Ms", std::to_string(*facts.deadline_ms));
  return out += "\r\n";
}

std::string MakeClientHead(const http::ResponseHead& head, const ClientHeadFacts& facts) {
  std::string out;
  out.reserve(head.bytes + 256);
  out.append("HTTP/1.1 ").append(std::to_string(head.status)).append(" ");
  out.append(http::ReasonPhrase(head.status)).append("\r\n");
  for (const http::Field& field : head.fields) {
    if (GoesToClient(head, field.name)) Add(out, field.name, field.value);
  }
  if (facts.framing == BodyFraming::kLength) Add(out, "Content-Length", std::to_string(head.content_length));
  if (facts.framing == BodyFraming::kChunked) Add(out, "Transfer-Encoding", "chunked");
  Add(out, "x-request-id", facts.request_id);
  Add(out, "x-model-id", facts.model);
  Add(out, "x-queue-ms", std::to_string(facts.queue_ms));
  if (!facts.keep_alive) {
    Add(out, "Connection", "close");
  } else if (facts.client_version == 10) {
    Add(out, "Connection", "keep-alive");
  }
  return out += "\r\n";
}

std::string ValidRequestId(const http::RequestHead& head) {
  const std::string* id = head.Find("X-Request-Id");
  if (!id || id->empty() || id->size() > kMaxRequestId) return "";
  const bool valid = std::all_of(id->begin(), id->end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' ||
           c == ':' || c == '-';
  });
  return valid ? *id : "";
}

std::string NewRequestId() {
  // Unique, not secret: one seed per thread is enough.
  thread_local std::mt19937_64 random{(std::uint64_t{std::random_device{}()} << 32) | std::random_device{}()};
  static constexpr char kHex[] = "0123456789abcdef";
  constexpr std::string_view kPrefix = "req-";
  std::string id(kPrefix.size() + 32, ' ');
  char* at = kPrefix.copy(id.data(), kPrefix.size()) + id.data();
  for (int word = 0; word < 2; ++word) {
    std::uint64_t bits = random();
    for (int i = 0; i < 16; ++i, bits >>= 4) *at++ = kHex[bits & 15];
  }
  return id;
}

std::optional<std::int64_t> DeadlineMs(const http::RequestHead& head, bool* bad) {
  *bad = false;
  const std::string* text = head.Find("X-Deadline-Ms");
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  *bad = error != std::errc() || end != text->data() + text->size() || value < 1 || value > kMaxDeadlineMs;
  return *bad ? std::nullopt : std::optional(value);
}

}  // namespace berth::route
