// The heads that the proxy writes: a client's request head as a worker gets it, a worker's response head as
// the client gets it. Pure text work. Hop-by-hop fields end here; what the proxy decided (model, claim,
// request id) is said by the proxy alone, so a client's X-Berth-* fields never reach a worker.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "worker/protocol/claim_table.h"
#include "worker/protocol/http_head.h"

namespace berth::route {

// The texts of both facts are owned by whoever keeps the request.
struct UpstreamHeadFacts {
  std::string_view path;                  // without query
  std::string_view model;                 // canonical
  std::string_view model_requested;       // the client's spelling
  std::string_view request_id;
  std::string_view client_address;
  std::optional<protocol::Claim> claim;   // none: an external server
  std::optional<std::uint64_t> body_bytes;  // buffered body; else framed as it came
  std::optional<std::int64_t> deadline_ms;  // what is left of it
};
std::string MakeUpstreamHead(const http::RequestHead& head, const UpstreamHeadFacts& facts);

enum class BodyFraming { kNone, kLength, kChunked, kUntilClose };
struct ClientHeadFacts {
  int client_version = 11;
  BodyFraming framing = BodyFraming::kNone;
  bool keep_alive = true;
  std::string_view request_id;
  std::string_view model;
  std::int64_t queue_ms = 0;
};
std::string MakeClientHead(const http::ResponseHead& head, const ClientHeadFacts& facts);

// The client's X-Request-Id when it is 1 to 128 of [A-Za-z0-9._:-], else "".
std::string ValidRequestId(const http::RequestHead& head);
std::string NewRequestId();

inline constexpr std::int64_t kMaxDeadlineMs = 24 * 3600 * 1000;
// X-Deadline-Ms: milliseconds, 1 to kMaxDeadlineMs. Nothing when absent; `bad` when it is anything else.
std::optional<std::int64_t> DeadlineMs(const http::RequestHead& head, bool* bad);

}  // namespace berth::route
