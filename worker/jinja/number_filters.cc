// The filters that make numbers, or texts of numbers.
#include <charconv>
#include <cmath>

#include "worker/jinja/arguments.h"
#include "worker/jinja/filters.h"
#include "worker/jinja/format.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/numbers.h"
#include "worker/jinja/operators.h"

namespace berth::jinja::filters {
namespace {

void Defined(const Value& value) {
  if (value.is_undefined()) FailUndefined(value.undefined());
}

Value Truncated(double number) {
  if (std::isinf(number)) Fail("infinity is no integer");
  if (std::fabs(number) >= 9.2233720368547758e18) Fail("an integer leaves the 64 bits that integers have here");
  return static_cast<std::int64_t>(number);
}

// int(float(text)), as the filter falls back to: "42.9" is 42.
Value IntegerOfText(const std::string& text, std::int64_t base, const Value& fallback) {
  if (const auto integer = ParsePythonInt(text, base)) return *integer;
  const auto number = ParsePythonFloat(text);
  return number && !std::isnan(*number) ? Truncated(*number) : fallback;
}

}  // namespace

Value Abs(Interpreter&, const Value& value, const Arguments& arguments) {
  const Bound bound("abs", arguments, {});
  Defined(value);
  if (value.is(Kind::kFloat)) return std::fabs(value.number());
  if (!value.is_integral()) Fail("abs needs a number, not '" + TypeName(value) + "'");
  return value.integer() < 0 ? Negate(value) : Value(value.integer());
}

Value Float(Interpreter&, const Value& value, const Arguments& arguments) {
  const Bound bound("float", arguments, {"default"});
  Defined(value);
  const Value fallback = bound.Find(0) != nullptr ? bound.At(0) : Value(0.0);
  if (value.is_number()) return value.number();
  if (!value.is_string()) return fallback;
  const auto number = ParsePythonFloat(value.bytes());
  return number ? Value(*number) : fallback;
}

Value Int(Interpreter&, const Value& value, const Arguments& arguments) {
  const Bound bound("int", arguments, {"default", "base"});
  Defined(value);
  const Value fallback = bound.Find(0) != nullptr ? bound.At(0) : Value(std::int64_t{0});
  if (value.is_integral()) return value.integer();
  if (value.is(Kind::kFloat)) return std::isnan(value.number()) ? fallback : Truncated(value.number());
  return value.is_string() ? IntegerOfText(value.bytes(), bound.Integer(1, 10), fallback) : fallback;
}

namespace {

// Half to even, on the exact value of the double, as Python's round() does.
double RoundFloat(double number, std::int64_t precision) {
  if (!std::isfinite(number) || precision > 320) return number;
  if (precision < -310) return std::copysign(0.0, number);
  if (precision >= 0) {
    const std::string text = FormatDouble(number, 'f', static_cast<int>(precision), false);
    double rounded = number;
    std::from_chars(text.data(), text.data() + text.size(), rounded);
    return rounded;
  }
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  return std::nearbyint(number / unit) * unit;
}

std::int64_t RoundInteger(std::int64_t number, std::int64_t precision) {
  if (precision >= 0) return number;
  if (precision < -18) return 0;
  std::int64_t unit = 1;
  for (std::int64_t i = precision; i < 0; ++i) unit *= 10;
  std::int64_t quotient = number / unit;
  const std::int64_t rest = std::abs(number % unit);
  const bool away = rest > unit / 2 || (rest == unit / 2 && quotient % 2 != 0);
  if (away) quotient += number < 0 ? -1 : 1;
  std::int64_t rounded = 0;
  if (__builtin_mul_overflow(quotient, unit, &rounded)) Fail("an integer leaves the 64 bits that integers have here");
  return rounded;
}

}  // namespace

Value Round(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("round", arguments, {"precision", "method"});
  Defined(value);
  const std::string_view method = bound.Text(1).value_or("common");
  if (method != "common" && method != "ceil" && method != "floor") Fail("round: the method must be common, ceil or floor");
  if (!value.is_number()) Fail("round needs a number, not '" + TypeName(value) + "'");
  const bool whole = bound.Find(0) != nullptr && bound.At(0).is_none();  // round(x, None) is an integer
  const std::int64_t precision = whole ? 0 : bound.Integer(0, 0);
  if (method == "common") {
    if (value.is_integral()) return RoundInteger(value.integer(), precision);
    return whole ? Truncated(RoundFloat(value.number(), 0)) : Value(RoundFloat(value.number(), precision));
  }
  const Value unit = Calculate(in, BinaryOp::kPow, std::int64_t{10}, precision);
  const double scaled = Calculate(in, BinaryOp::kMul, value, unit).number();
  return Calculate(in, BinaryOp::kDiv, Truncated(method == "ceil" ? std::ceil(scaled) : std::floor(scaled)), unit);
}

Value FileSizeFormat(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("filesizeformat", arguments, {"binary"});
  static constexpr const char* kPrefixes[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
  const bool binary = bound.Flag(0, false);
  const double base = binary ? 1024 : 1000;
  const auto bytes = value.is_number() ? std::optional<double>(value.number())
                                       : value.is_string() ? ParsePythonFloat(value.bytes()) : std::nullopt;
  if (!bytes) Fail("filesizeformat needs a number, not '" + TypeName(value) + "'");
  if (*bytes == 1) return in.Text("1 Byte");
  if (*bytes < base) return in.Text(std::to_string(Truncated(*bytes).integer()) + " Bytes");
  double unit = base;
  std::size_t prefix = 0;
  for (; prefix + 1 < std::size(kPrefixes) && *bytes >= unit * base; ++prefix) unit *= base;
  std::string name = kPrefixes[prefix];
  if (binary && prefix == 0) name = "K";
  return in.Text(FormatDouble(*bytes / unit, 'f', 1, false) + " " + name + (binary ? "iB" : "B"));
}

}  // namespace berth::jinja::filters
