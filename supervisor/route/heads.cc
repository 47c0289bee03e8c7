#include "supervisor/route/heads.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <random>
#include <string_view>

#include "worker/protocol/http_message.h"

namespace berth::route {
namespace {

constexpr std::size_t kMaxRequestId = 128;
constexpr std::string_view kOwnPrefix = "X-Berth-";

bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::any_of(names.begin(), names.end(), [name](auto other) { return http::EqualsIgnoreCase(name, other); });
}

void Add(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  const std::size_t begin = out.size();
  out.append(value);
  // Decoded text of a client (a model's name) must not end the line.
  for (std::size_t i = begin; i < out.size(); ++i) {
    if (static_cast<unsigned char>(out[i]) < 0x20 || out[i] == 0x7f) out[i] = ' ';
  }
  out.append("\r\n");
}

bool IsOwn(std::string_view name) { return http::EqualsIgnoreCase(name.substr(0, kOwnPrefix.size()), kOwnPrefix); }

// Authorization is the key to this daemon: no worker needs it.
bool GoesUpstream(const http::RequestHead& head, std::string_view name) {
  return !IsOwn(name) && !http::IsHopByHop(head, name) &&
         !IsOneOf(name, {"Host", "Content-Length", "Expect", "X-Request-Id", "X-Forwarded-For", "X-Deadline-Ms",
                         "Authorization"});
}

bool GoesToClient(const http::ResponseHead& head, std::string_view name) {
  return !IsOwn(name) && !http::IsHopByHop(head, name) &&
         !IsOneOf(name, {"Content-Length", "X-Request-Id", "X-Model-Id", "X-Queue-Ms"});
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
  Add(out, "X-Forwarded-For", forwarded + facts.client_address);
  Add(out, "X-Request-Id", facts.request_id);
  Add(out, "X-Berth-Model", facts.model);
  Add(out, "X-Berth-Model-Requested", facts.model_requested);
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
  std::string id = "req-";
  for (int word = 0; word < 2; ++word) {
    std::uint64_t bits = random();
    for (int i = 0; i < 16; ++i, bits >>= 4) id += kHex[bits & 15];
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
