#include "supervisor/base/duration.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace berth {
namespace {

struct Unit {
  std::string_view name;
  double microseconds;
};
constexpr std::array<Unit, 5> kUnits{{{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}}};
constexpr double kMost = 10.0 * 365 * 24 * 3600e6;

}  // namespace

Result<Duration> ParseDuration(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  auto [rest, status] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (status != std::errc{} || number < 0 || !std::isfinite(number)) {
    return Invalid("expected a time such as 10ms, got \"", text, "\"");
  }
  if (rest == end && number == 0) return Duration{0};
  const std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
  for (const Unit& unit : kUnits) {
    if (suffix != unit.name) continue;
    if (number * unit.microseconds > kMost) return Invalid("time too long: \"", text, "\"");
    return Duration{std::llround(number * unit.microseconds)};
  }
  return Invalid("expected a time with a unit (us, ms, s, m, h) such as 10ms, got \"", text, "\"");
}

std::string FormatDuration(Duration duration) {
  const double count = static_cast<double>(duration.count());
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && count >= kUnits[unit + 1].microseconds) ++unit;
  char text[48];
  const double value = count / kUnits[unit].microseconds;
  // Many hours are written in full: "%g" would turn to exponents.
  std::snprintf(text, sizeof text, value < 1000 ? "%.4g%s" : "%.0f%s", value, kUnits[unit].name.data());
  return text;
}

}  // namespace berth
