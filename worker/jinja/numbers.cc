#include "worker/jinja/numbers.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "worker/jinja/heap.h"
#include "worker/jinja/python_text.h"

namespace berth::jinja {
namespace {

bool TakeSign(std::string_view& text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  return negative;
}

// Without its underscores; absent where one does not stand between two digits.
std::optional<std::string> Plain(std::string_view text) {
  const auto alphanumeric = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || !alphanumeric(text[i - 1]) || !alphanumeric(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

std::string Lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  return out;
}

// Takes "0x" and the like off, where the base wants it or allows it.
int TakePrefix(std::string_view& text, std::int64_t base) {
  int prefix = 0;
  if (text.size() > 2 && text[0] == '0') {
    const char mark = static_cast<char>(text[1] | 0x20);
    prefix = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
  }
  if (prefix == 0 || (base != 0 && base != prefix)) return base == 0 ? 10 : static_cast<int>(base);
  text.remove_prefix(2);
  if (text.starts_with('_')) text.remove_prefix(1);
  return prefix;
}

}  // namespace

std::optional<std::int64_t> ParsePythonInt(std::string_view text, std::int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  text = Strip(text, std::nullopt, Side::kBoth);
  const bool negative = TakeSign(text);
  const bool zeros_only = std::ranges::all_of(text, [](char c) { return c == '0' || c == '_'; });
  if (base == 0 && text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9' && !zeros_only) return std::nullopt;
  const int radix = TakePrefix(text, base);
  const auto plain = Plain(text);
  if (!plain || plain->empty() || plain->front() == '-' || plain->front() == '+') return std::nullopt;
  const std::string digits = (negative ? "-" : "") + *plain;
  std::int64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, radix);
  if (parsed.ec == std::errc::invalid_argument || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) Fail("an integer leaves the 64 bits that integers have here");
  return value;
}

std::optional<double> ParsePythonFloat(std::string_view text) {
  text = Strip(text, std::nullopt, Side::kBoth);
  const bool negative = TakeSign(text);
  const auto plain = Plain(text);
  if (!plain || plain->empty()) return std::nullopt;
  const double sign = negative ? -1 : 1;
  const std::string lowered = Lowered(*plain);
  if (lowered == "inf" || lowered == "infinity") return sign * HUGE_VAL;
  if (lowered == "nan") return NAN;
  const char first = lowered.front();
  if (!(first >= '0' && first <= '9') && first != '.') return std::nullopt;
  double value = 0;
  const auto parsed = std::from_chars(lowered.data(), lowered.data() + lowered.size(), value);
  if (parsed.ec == std::errc::invalid_argument || parsed.ptr != lowered.data() + lowered.size()) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) {
    const std::size_t e = lowered.find('e');
    value = e != std::string::npos && lowered[e + 1] == '-' ? 0 : HUGE_VAL;
  }
  return sign * value;
}

}  // namespace berth::jinja
