// Numbers and strings as they are written in templates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace berth::jinja {

struct NumberLiteral {
  bool is_float = false;
  std::int64_t integer = 0;
  double number = 0;
  std::size_t bytes = 0;
};

// The number at the beginning of `text`, which is a digit: Python's, with underscores, 0x, 0o, 0b, fractions (where
// `fraction_allowed`) and exponents. Throws TemplateError for integers beyond 64 bits.
NumberLiteral ReadNumber(std::string_view text, bool fraction_allowed);

// What stands between quotes, with Python's escapes resolved; unknown ones stay as they are. Throws TemplateError for
// those that are cut short, name no character, or use \N{…}, which is not supported.
std::string Unescape(std::string_view text);

}  // namespace berth::jinja
