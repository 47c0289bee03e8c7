#include "worker/jinja/compare.h"

#include <cmath>
#include <functional>

#include "worker/jinja/iterate.h"

namespace berth::jinja {
namespace {

// How an integer and a double stand to each other, exactly: large integers have no double of their own.
std::partial_ordering CompareNumbers(const Value& a, const Value& b) {
  if (a.is_integral() && b.is_integral()) return a.integer() <=> b.integer();
  if (!a.is(Kind::kFloat) || !b.is(Kind::kFloat)) {
    const bool swapped = a.is(Kind::kFloat);
    const double number = swapped ? a.number() : b.number();
    const std::int64_t integer = swapped ? b.integer() : a.integer();
    if (std::fabs(number) < 9.2e18 && number == std::trunc(number)) {
      const auto whole = static_cast<std::int64_t>(number);
      return swapped ? whole <=> integer : integer <=> whole;
    }
  }
  return a.number() <=> b.number();
}

bool EqualItems(const Sequence& a, const Sequence& b) {
  const auto family = [](Shape shape) { return shape == Shape::kGroup ? Shape::kTuple : shape; };
  if (&a == &b) return true;
  if (family(a.shape) != family(b.shape) || a.items.size() != b.items.size()) return false;
  if (a.shape == Shape::kValues) return false;  // Python compares these views by identity
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    if (!Equal(a.items[i], b.items[i])) return false;
  }
  return true;
}

bool EqualEntries(const Mapping& a, const Mapping& b) {
  if (&a == &b) return true;
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.Find(key);
    if (other == nullptr || !Equal(value, *other)) return false;
  }
  return true;
}

bool LessItems(const Sequence& a, const Sequence& b, const char* op) {
  const std::size_t both = std::min(a.items.size(), b.items.size());
  for (std::size_t i = 0; i < both; ++i) {
    if (!Equal(a.items[i], b.items[i])) return Less(a.items[i], b.items[i], op);
  }
  return a.items.size() < b.items.size();
}

bool Ordered(const Sequence& a, const Sequence& b) {
  const auto tuple = [](Shape shape) { return shape == Shape::kTuple || shape == Shape::kGroup; };
  return (a.shape == Shape::kList && b.shape == Shape::kList) || (tuple(a.shape) && tuple(b.shape));
}

}  // namespace

bool Truthy(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kNone: return false;
    case Kind::kBool: return value.boolean();
    case Kind::kInteger: return value.integer() != 0;
    case Kind::kFloat: return value.number() != 0;
    case Kind::kString: return !value.bytes().empty();
    case Kind::kSequence: return !value.sequence().items.empty();
    case Kind::kMapping: return !value.mapping().entries.empty();
    case Kind::kObject: return true;
  }
  return true;
}

bool Equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kString: return a.bytes() == b.bytes();
    case Kind::kSequence: return EqualItems(a.sequence(), b.sequence());
    case Kind::kMapping: return EqualEntries(a.mapping(), b.mapping());
    case Kind::kObject: return &a.object() == &b.object();
    default: return true;  // undefined is undefined, none is none
  }
}

bool Less(const Value& a, const Value& b, const char* op) {
  if (a.is_undefined()) FailUndefined(a.undefined());
  if (b.is_undefined()) FailUndefined(b.undefined());
  if (a.is_number() && b.is_number()) return CompareNumbers(a, b) < 0;
  if (a.is_string() && b.is_string()) return a.bytes() < b.bytes();  // UTF-8 sorts as its code points
  if (a.is(Kind::kSequence) && b.is(Kind::kSequence) && Ordered(a.sequence(), b.sequence())) {
    return LessItems(a.sequence(), b.sequence(), op);
  }
  Fail("'" + std::string(op) + "' has no meaning between '" + TypeName(a) + "' and '" + TypeName(b) + "'");
}

bool Contains(Interpreter& in, const Value& container, const Value& item) {
  if (container.is(Kind::kMapping)) return container.mapping().Find(item) != nullptr;
  if (container.is_string()) {
    if (!item.is_string()) Fail("'in <string>' needs a string, not '" + TypeName(item) + "'");
    return container.bytes().find(item.bytes()) != std::string::npos;
  }
  if (container.is(Kind::kSequence) && container.sequence().shape == Shape::kKeys) Hash(item);  // lists are no keys
  Iterator each(in, container);
  while (const auto one = each.Next()) {
    if (Equal(*one, item)) return true;
  }
  return false;
}

std::size_t HashText(std::string_view text) { return std::hash<std::string_view>{}(text); }

std::size_t Hash(const Value& value) {
  switch (value.kind()) {
    case Kind::kUndefined: return 1;
    case Kind::kNone: return 2;
    case Kind::kBool:
    case Kind::kInteger: return std::hash<double>{}(static_cast<double>(value.integer()));
    case Kind::kFloat: return std::hash<double>{}(value.number());
    case Kind::kString: return HashText(value.bytes());
    case Kind::kObject: return std::hash<const void*>{}(&value.object());
    case Kind::kSequence:
    case Kind::kMapping: break;
  }
  const bool tuple = value.is(Kind::kSequence) && (value.sequence().shape == Shape::kTuple ||
                                                   value.sequence().shape == Shape::kGroup);
  if (!tuple) Fail("unhashable type: '" + TypeName(value) + "'");
  std::size_t hash = 3;
  for (const Value& item : value.sequence().items) hash = hash * 1000003 ^ Hash(item);
  return hash;
}

}  // namespace berth::jinja
