// Texts into numbers, as Python's int() and float() read them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace berth::jinja {

// White space around, a sign, underscores between digits; with base 0, 2, 8 or 16 a prefix. Absent where Python raises a
// ValueError; throws TemplateError where it would be more than 64 bits.
std::optional<std::int64_t> ParsePythonInt(std::string_view text, std::int64_t base);

// The same, with fractions and exponents; also "inf" and "nan".
std::optional<double> ParsePythonFloat(std::string_view text);

}  // namespace berth::jinja
