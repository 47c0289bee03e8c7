// Pieces of replies that are written as text, because a JSON value of every number would cost more than the
// number. Pure.
#pragma once

#include <charconv>
#include <nlohmann/json.hpp>
#include <string>

namespace berth::serve {

// The fewest digits that read back as the same float.
inline void AppendNumber(float value, std::string& out) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, end.ptr);
}

// Invalid UTF-8 cannot get here from a parsed body, but from a header or a vocabulary it can.
inline std::string JsonText(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// {"prompt_tokens":…,"total_tokens":…}
inline std::string UsageText(std::size_t prompt_tokens) {
  const std::string tokens = std::to_string(prompt_tokens);
  return R"({"prompt_tokens":)" + tokens + R"(,"total_tokens":)" + tokens + "}";
}

}  // namespace berth::serve
