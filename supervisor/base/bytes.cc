#include "supervisor/base/bytes.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace berth {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};
constexpr std::array<Unit, 9> kUnits{{{"B", 1},
                                      {"KiB", 1024.0},
                                      {"MiB", 1048576.0},
                                      {"GiB", 1073741824.0},
                                      {"TiB", 1099511627776.0},
                                      {"KB", 1e3},
                                      {"MB", 1e6},
                                      {"GB", 1e9},
                                      {"TB", 1e12}}};
constexpr double kMost = 9.2e18;  // below 2^63

}  // namespace

Result<Bytes> ParseBytes(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  auto [rest, status] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (status != std::errc{} || number < 0 || !std::isfinite(number)) {
    return Invalid("expected a size such as 2GiB, got \"", text, "\"");
  }
  if (rest == end && number == 0) return Bytes{0};
  std::string_view suffix(rest, static_cast<std::size_t>(end - rest));
  while (!suffix.empty() && suffix.front() == ' ') suffix.remove_prefix(1);
  for (const Unit& unit : kUnits) {
    if (suffix != unit.name) continue;
    if (number * unit.factor > kMost) return Invalid("size too large: \"", text, "\"");
    return Bytes{static_cast<std::uint64_t>(std::llround(number * unit.factor))};
  }
  return Invalid("expected a size with a unit (B, KiB, MiB, GiB, TiB, KB, MB, GB, TB) such as 2GiB, got \"", text,
                 "\"");
}

std::string FormatBytes(Bytes bytes) {
  std::size_t unit = 0;
  while (unit < 4 && static_cast<double>(bytes.count) >= kUnits[unit + 1].factor) ++unit;
  const double value = static_cast<double>(bytes.count) / kUnits[unit].factor;
  char text[48];
  std::snprintf(text, sizeof text, value == std::floor(value) ? "%.0f %s" : "%.1f %s", value,
                kUnits[unit].name.data());
  return text;
}

}  // namespace berth
