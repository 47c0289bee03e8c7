#include "worker/jinja/operators.h"

#include <cmath>

#include "worker/jinja/format.h"
#include "worker/jinja/interpreter.h"

namespace berth::jinja {
namespace {

constexpr const char* kSigns[] = {"+", "-", "*", "/", "//", "%", "**"};

const char* SignOf(BinaryOp op) { return kSigns[static_cast<int>(op)]; }

[[noreturn]] void FailTypes(BinaryOp op, const Value& a, const Value& b) {
  Fail(std::string("'") + SignOf(op) + "' has no meaning between '" + TypeName(a) + "' and '" + TypeName(b) + "'");
}

[[noreturn]] void FailOverflow() { Fail("an integer leaves the 64 bits that integers have here"); }

void CheckDivisor(bool zero) {
  if (zero) Fail("division by zero");
}

std::int64_t FloorDivide(std::int64_t a, std::int64_t b) {
  CheckDivisor(b == 0);
  if (a == INT64_MIN && b == -1) FailOverflow();
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t Modulo(std::int64_t a, std::int64_t b) {
  CheckDivisor(b == 0);
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

template <class Overflows>
std::int64_t Checked(Overflows overflows, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (overflows(a, b, &result)) FailOverflow();
  return result;
}

constexpr auto kAddOverflows = [](auto a, auto b, auto* result) { return __builtin_add_overflow(a, b, result); };
constexpr auto kSubOverflows = [](auto a, auto b, auto* result) { return __builtin_sub_overflow(a, b, result); };
constexpr auto kMulOverflows = [](auto a, auto b, auto* result) { return __builtin_mul_overflow(a, b, result); };

std::int64_t Power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  if (base == 0 || base == 1) return exponent == 0 ? 1 : base;
  if (base == -1) return exponent % 2 == 0 ? 1 : -1;
  for (; exponent > 0; --exponent) {  // at most 63 times: |base| is 2 or more
    if (__builtin_mul_overflow(result, base, &result)) FailOverflow();
  }
  return result;
}

Value FloatPower(double a, double b) {
  if (a == 0 && b < 0) Fail("0.0 cannot be raised to a negative power");
  if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::trunc(b)) Fail("the power is a complex number, which is not supported");
  const double result = std::pow(a, b);
  if (std::isinf(result) && std::isfinite(a) && std::isfinite(b)) Fail("the power is more than a float holds");
  return result;
}

Value Integers(BinaryOp op, std::int64_t a, std::int64_t b) {
  switch (op) {
    case BinaryOp::kAdd: return Checked(kAddOverflows, a, b);
    case BinaryOp::kSub: return Checked(kSubOverflows, a, b);
    case BinaryOp::kMul: return Checked(kMulOverflows, a, b);
    case BinaryOp::kDiv: CheckDivisor(b == 0); return static_cast<double>(a) / static_cast<double>(b);
    case BinaryOp::kFloorDiv: return FloorDivide(a, b);
    case BinaryOp::kMod: return Modulo(a, b);
    case BinaryOp::kPow: break;
  }
  if (b < 0) return FloatPower(static_cast<double>(a), static_cast<double>(b));
  return Power(a, b);
}

double FloatModulo(double a, double b) {
  CheckDivisor(b == 0);
  const double rest = std::fmod(a, b);
  if (rest == 0) return std::copysign(0.0, b);
  return (rest < 0) != (b < 0) ? rest + b : rest;
}

double FloatFloorDivide(double a, double b) {
  CheckDivisor(b == 0);
  const double quotient = (a - FloatModulo(a, b)) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Value Floats(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd: return a + b;
    case BinaryOp::kSub: return a - b;
    case BinaryOp::kMul: return a * b;
    case BinaryOp::kDiv: CheckDivisor(b == 0); return a / b;
    case BinaryOp::kFloorDiv: return FloatFloorDivide(a, b);
    case BinaryOp::kMod: return FloatModulo(a, b);
    case BinaryOp::kPow: break;
  }
  return FloatPower(a, b);
}

Value AddTexts(Interpreter& in, const Text& a, const Text& b) {
  const bool markup = a.markup || b.markup;
  const auto safe = [&](const Text& one) { return markup && !one.markup ? EscapeHtml(one.bytes) : one.bytes; };
  in.heap().Foresee(a.bytes.size() + b.bytes.size());
  return in.Text(safe(a) + safe(b), markup);
}

Value AddSequences(Interpreter& in, const Sequence& a, const Sequence& b) {
  in.heap().Foresee((a.items.size() + b.items.size()) * sizeof(Value));
  std::vector<Value> items = a.items;
  items.insert(items.end(), b.items.begin(), b.items.end());
  return in.List(std::move(items), a.shape == Shape::kList ? Shape::kList : Shape::kTuple);
}

Value RepeatText(Interpreter& in, const Text& text, std::int64_t times) {
  std::string out;
  if (times <= 0 || text.bytes.empty()) return in.Text({}, text.markup);
  in.heap().Foresee(static_cast<std::uint64_t>(times) > UINT64_MAX / 2 / text.bytes.size()
                        ? UINT64_MAX / 2 : static_cast<std::uint64_t>(times) * text.bytes.size());
  out.reserve(text.bytes.size() * static_cast<std::size_t>(times));
  for (std::int64_t i = 0; i < times; ++i) out += text.bytes;
  return in.Text(std::move(out), text.markup);
}

Value RepeatSequence(Interpreter& in, const Sequence& sequence, std::int64_t times) {
  std::vector<Value> items;
  const std::uint64_t size = sequence.items.size() * sizeof(Value);
  if (times > 0 && size > 0) {
    in.heap().Foresee(static_cast<std::uint64_t>(times) > UINT64_MAX / 2 / size
                          ? UINT64_MAX / 2 : static_cast<std::uint64_t>(times) * size);
    for (std::int64_t i = 0; i < times; ++i) items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  }
  return in.List(std::move(items), sequence.shape == Shape::kList ? Shape::kList : Shape::kTuple);
}

bool IsArray(const Value& value) {
  return value.is(Kind::kSequence) && value.sequence().shape <= Shape::kGroup;
}

bool SameArray(const Value& a, const Value& b) {
  return IsArray(a) && IsArray(b) && (a.sequence().shape == Shape::kList) == (b.sequence().shape == Shape::kList);
}

Value Repeat(Interpreter& in, const Value& a, const Value& b) {
  const Value& what = a.is_integral() ? b : a;
  const Value& times = a.is_integral() ? a : b;
  if (!times.is_integral() || !(what.is_string() || IsArray(what))) FailTypes(BinaryOp::kMul, a, b);
  if (what.is_string()) return RepeatText(in, what.text(), times.integer());
  return RepeatSequence(in, what.sequence(), times.integer());
}

}  // namespace

std::string EscapeHtml(std::string_view utf8) {
  std::string out;
  for (const char c : utf8) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '\'': out += "&#39;"; break;
      case '"': out += "&#34;"; break;
      default: out += c;
    }
  }
  return out;
}

Value Calculate(Interpreter& in, BinaryOp op, const Value& a, const Value& b) {
  if (op == BinaryOp::kMod && a.is_string()) return FormatPercent(in, a.text(), b);
  if (a.is_undefined()) FailUndefined(a.undefined());
  if (b.is_undefined()) FailUndefined(b.undefined());
  if (a.is_integral() && b.is_integral()) return Integers(op, a.integer(), b.integer());
  if (a.is_number() && b.is_number()) return Floats(op, a.number(), b.number());
  if (op == BinaryOp::kAdd && a.is_string() && b.is_string()) return AddTexts(in, a.text(), b.text());
  if (op == BinaryOp::kAdd && SameArray(a, b)) return AddSequences(in, a.sequence(), b.sequence());
  if (op == BinaryOp::kMul) return Repeat(in, a, b);
  FailTypes(op, a, b);
}

Value Negate(const Value& value) {
  if (value.is_undefined()) FailUndefined(value.undefined());
  if (value.is(Kind::kFloat)) return -value.number();
  if (!value.is_integral()) Fail("'-' has no meaning for '" + TypeName(value) + "'");
  if (value.integer() == INT64_MIN) FailOverflow();
  return -value.integer();
}

Value Positive(const Value& value) {
  if (value.is_undefined()) FailUndefined(value.undefined());
  if (value.is(Kind::kFloat)) return value;
  if (!value.is_integral()) Fail("'+' has no meaning for '" + TypeName(value) + "'");
  return value.integer();
}

}  // namespace berth::jinja
