// How a number or a text is laid out: what `%` and str.format have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/jinja/value.h"

namespace berth::jinja {

inline constexpr std::int64_t kMostWidth = 100'000;  // of one field, and of digits behind the point

struct FieldLayout {
  std::string fill = " ";
  char align = '\0';  // < > ^ =; none: the type's own
  char sign = '-';    // + - or a space
  bool alternate = false;
  std::int64_t width = 0;
  char grouping = '\0';  // , or _
  std::int64_t precision = -1;
  char type = '\0';
};

// `text` padded to the width; `=` pads behind the sign.
std::string Pad(std::string_view text, const FieldLayout& layout, char default_align);

// An integer as d, x, X, o, b or c writes it, sign and grouping included, not padded.
std::string IntegerText(std::int64_t value, const FieldLayout& layout);
// A float as e, f, g, %, … write it, sign and grouping included, not padded.
std::string FloatFieldText(double value, const FieldLayout& layout);

}  // namespace berth::jinja
