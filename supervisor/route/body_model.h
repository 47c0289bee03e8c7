// Reads the members `model` and `timeout_ms` out of a JSON request body, and checks that the body is one JSON object at all. One
// pass, no tree, no recursion: bodies reach megabytes and this runs on io threads. Stricter than parsers that
// take the last of two equal keys: a second `model` would let the proxy and a worker see different models.
// UTF-8 inside strings is left to the worker, which needs the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::route {

inline constexpr int kMaxJsonDepth = 64;

struct BodyModel {
  std::optional<std::string> model;  // decoded; nothing when the body has none
  std::optional<std::int64_t> timeout_ms;  // 1 to kMaxDeadlineMs; nothing when absent or null
  std::string error;                 // not empty: answer 400 with this message …
  std::string param;                 // … and this param ("model", "timeout_ms" or "")
};

BodyModel ReadBodyModel(std::string_view body);

}  // namespace berth::route
