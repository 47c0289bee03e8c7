// The request line by RFC 9112 §3, stricter where readers differ. Accepts origin form, `*` for OPTIONS, and
// absolute form, which it reduces to origin form (its authority must then agree with Host). Refuses
// fragments, raw non-ASCII, broken percent escapes, escaped control characters and dot segments in paths:
// another reader could see another path there. Private to the HTTP heads.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "worker/protocol/http_head.h"

namespace berth::http {

// What is wrong with the request line (without CRLF), if anything.
std::optional<HeadError> CheckRequestLine(std::string_view line);

struct Target {
  std::string origin;  // origin form or "*"
  std::string path;
  std::string query;
  std::string authority;  // of the absolute form, else ""
};
// `target`: one that CheckRequestLine let through.
Target SplitTarget(std::string_view target);

// host or host:port as Host carries it; an empty host is allowed by RFC 9110.
bool IsHostValue(std::string_view value);

}  // namespace berth::http
