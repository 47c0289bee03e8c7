// A size in bytes, and its one spelling in plans, messages and tables: an integer or decimal number with a
// unit (B, KiB, MiB, GiB, TiB, and the powers of ten KB, MB, GB, TB). A bare number other than 0 is refused:
// "2" could mean anything.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"

namespace berth {

struct Bytes {
  std::uint64_t count = 0;

  friend constexpr auto operator<=>(Bytes, Bytes) = default;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
  // Never below zero: callers compare first.
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return {a.count - b.count}; }
  constexpr Bytes& operator+=(Bytes b) { count += b.count; return *this; }
  constexpr Bytes& operator-=(Bytes b) { count -= b.count; return *this; }
};

constexpr Bytes KiB(std::uint64_t n) { return {n << 10}; }
constexpr Bytes MiB(std::uint64_t n) { return {n << 20}; }
constexpr Bytes GiB(std::uint64_t n) { return {n << 30}; }

// "1.5GiB" → 1610612736. Errors: no unit, unknown unit, negative, not a number, above 2^63.
Result<Bytes> ParseBytes(std::string_view text);

// The largest binary unit that keeps the value at 1 or more, one decimal place unless exact: "4.0 GiB",
// "2 GiB", "512 B".
std::string FormatBytes(Bytes bytes);

}  // namespace berth
