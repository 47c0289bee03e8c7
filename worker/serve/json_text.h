// Pieces of replies that are written as text, because a JSON value of every number would cost more than the
// number. Pure.
#pragma once

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

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

// As a JSON string, in quotes; what is no UTF-8 becomes U+FFFD. Makes no copy of the whole.
void AppendJsonString(std::string_view text, std::string& out);
// The bytes that it appends, or some more.
std::uint64_t JsonStringBytes(std::string_view text);

// About what the tree of values holds that is parsed of this text: an object's member is a node with its name, and an
// empty object more than the two bytes that it is written with.
std::uint64_t JsonTreeBytes(std::string_view text);

// {"prompt_tokens":…,"total_tokens":…}
inline std::string UsageText(std::size_t prompt_tokens) {
  const std::string tokens = std::to_string(prompt_tokens);
  return R"({"prompt_tokens":)" + tokens + R"(,"total_tokens":)" + tokens + "}";
}

}  // namespace berth::serve
