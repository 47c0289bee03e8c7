#include "worker/jinja/value_tests.h"

#include <algorithm>

#include "worker/jinja/arguments.h"
#include "worker/jinja/compare.h"
#include "worker/jinja/filters.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/iterate.h"
#include "worker/jinja/operators.h"
#include "worker/jinja/print.h"
#include "worker/jinja/python_text.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

using Args = const Arguments&;

void NoMore(Args arguments) { const Bound bound("this test", arguments, {}); }

// A test of the value alone.
template <auto kHolds>
bool Plain(Interpreter&, const Value& value, Args arguments) {
  NoMore(arguments);
  return kHolds(value);
}

// A test that compares with one other value.
template <auto kHolds>
bool With(Interpreter& in, const Value& value, Args arguments) {
  const Bound bound("this test", arguments, {"other"}, 1);
  return kHolds(in, value, bound.At(0));
}

// Python's Undefined has a call, which fails.
bool IsCallable(const Value& value) {
  return value.is_undefined() || (value.is(Kind::kObject) && value.object().callable());
}

bool IsSequence(const Value& value) {
  return value.is_undefined() || value.is_string() || value.is(Kind::kMapping) ||
         (value.is(Kind::kSequence) && value.sequence().indexable());
}

std::int64_t Remainder(Interpreter& in, const Value& value, const Value& divisor) {
  const Value rest = Calculate(in, BinaryOp::kMod, value, divisor);
  if (rest.is_string()) return 1;  // a formatted text equals no number
  return Equal(rest, std::int64_t{0}) ? 0 : Equal(rest, std::int64_t{1}) ? 1 : 2;
}

bool SameAs(Interpreter&, const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  if (a.is(Kind::kFloat)) return false;  // two floats are two objects
  return a.identity() != nullptr ? a.identity() == b.identity() : Equal(a, b);
}

template <bool kUpper>
bool IsCase(const Value& value) {
  const std::string text = Str(value);
  bool any = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t point = text::DecodeAt(text, at);
    const bool right = kUpper ? IsUpperCase(point) : IsLowerCase(point);
    if (IsCased(point) && !right) return false;
    any |= right;
  }
  return any;
}

constexpr auto kEqual = [](Interpreter&, const Value& a, const Value& b) { return Equal(a, b); };
constexpr auto kUnequal = [](Interpreter&, const Value& a, const Value& b) { return !Equal(a, b); };
constexpr auto kLess = [](Interpreter&, const Value& a, const Value& b) { return Less(a, b); };
constexpr auto kLessEqual = [](Interpreter&, const Value& a, const Value& b) { return Less(a, b, "<=") || Equal(a, b); };
constexpr auto kGreater = [](Interpreter&, const Value& a, const Value& b) { return Less(b, a, ">"); };
constexpr auto kGreaterEqual = [](Interpreter&, const Value& a, const Value& b) { return Less(b, a, ">=") || Equal(a, b); };
constexpr auto kIn = [](Interpreter& in, const Value& a, const Value& b) { return Contains(in, b, a); };
constexpr auto kDivisible = [](Interpreter& in, const Value& a, const Value& b) { return Remainder(in, a, b) == 0; };

bool IsEven(Interpreter& in, const Value& value, Args arguments) {
  NoMore(arguments);
  return Remainder(in, value, std::int64_t{2}) == 0;
}

bool IsOdd(Interpreter& in, const Value& value, Args arguments) {
  NoMore(arguments);
  return Remainder(in, value, std::int64_t{2}) == 1;
}

bool IsFilter(Interpreter&, const Value& value, Args arguments) {
  NoMore(arguments);
  Hash(value);  // refuses what cannot be looked up
  return value.is_string() && FindFilter(value.bytes()) != nullptr;
}

bool IsTest(Interpreter&, const Value& value, Args arguments) {
  NoMore(arguments);
  Hash(value);
  return value.is_string() && FindTest(value.bytes()) != nullptr;
}

struct Row {
  std::string_view name;
  TestFunction call;
};

constexpr Row kTests[] = {
    {"!=", With<kUnequal>},
    {"<", With<kLess>},
    {"<=", With<kLessEqual>},
    {"==", With<kEqual>},
    {">", With<kGreater>},
    {">=", With<kGreaterEqual>},
    {"boolean", Plain<[](const Value& value) { return value.is(Kind::kBool); }>},
    {"callable", Plain<IsCallable>},
    {"defined", Plain<[](const Value& value) { return !value.is_undefined(); }>},
    {"divisibleby", With<kDivisible>},
    {"eq", With<kEqual>},
    {"equalto", With<kEqual>},
    {"escaped", Plain<[](const Value& value) { return value.is_string() && value.text().markup; }>},
    {"even", IsEven},
    {"false", Plain<[](const Value& value) { return value.is(Kind::kBool) && !value.boolean(); }>},
    {"filter", IsFilter},
    {"float", Plain<[](const Value& value) { return value.is(Kind::kFloat); }>},
    {"ge", With<kGreaterEqual>},
    {"greaterthan", With<kGreater>},
    {"gt", With<kGreater>},
    {"in", With<kIn>},
    {"integer", Plain<[](const Value& value) { return value.is(Kind::kInteger); }>},
    {"iterable", Plain<IsIterable>},
    {"le", With<kLessEqual>},
    {"lessthan", With<kLess>},
    {"lower", Plain<IsCase<false>>},
    {"lt", With<kLess>},
    {"mapping", Plain<[](const Value& value) { return value.is(Kind::kMapping); }>},
    {"ne", With<kUnequal>},
    {"none", Plain<[](const Value& value) { return value.is_none(); }>},
    {"number", Plain<[](const Value& value) { return value.is_number(); }>},
    {"odd", IsOdd},
    {"sameas", With<SameAs>},
    {"sequence", Plain<IsSequence>},
    {"string", Plain<[](const Value& value) { return value.is_string(); }>},
    {"test", IsTest},
    {"true", Plain<[](const Value& value) { return value.is(Kind::kBool) && value.boolean(); }>},
    {"undefined", Plain<[](const Value& value) { return value.is_undefined(); }>},
    {"upper", Plain<IsCase<true>>},
};

}  // namespace

const TestFunction* FindTest(std::string_view name) {
  const auto* found = std::ranges::find(kTests, name, &Row::name);
  return found == std::end(kTests) ? nullptr : &found->call;
}

}  // namespace berth::jinja
