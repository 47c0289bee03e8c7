#include "worker/jinja/value.h"

#include <algorithm>
#include <array>

#include "worker/jinja/compare.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

constexpr std::size_t kIndexedFrom = 12;  // smaller mappings are searched faster than hashed

std::size_t CountPoints(const std::string& bytes) {
  return static_cast<std::size_t>(std::ranges::count_if(bytes, [](char c) { return !text::IsContinuation(c); }));
}

int Deeper(int depth) {
  if (depth >= kMostValueDepth) FailLimit("values nest deeper than " + std::to_string(kMostValueDepth) + " levels");
  return depth + 1;
}

int DepthOf(const std::vector<Value>& items) {
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  return Deeper(depth);
}

int DepthOf(const Mapping::Entries& entries) {
  int depth = 0;
  for (const auto& [key, value] : entries) depth = std::max({depth, key.depth(), value.depth()});
  return Deeper(depth);
}

}  // namespace

Text::Text(Heap* heap, std::string utf8, bool is_markup)
    : bytes(std::move(utf8)), points(CountPoints(bytes)), markup(is_markup), charge(heap, sizeof(Text) + bytes.size()) {
  if (heap != nullptr) heap->StepBytes(bytes.size());
}

Sequence::Sequence(Heap* heap, std::vector<Value> values, Shape form)
    : items(std::move(values)),
      shape(form),
      depth(DepthOf(items)),
      charge(heap, sizeof(Sequence) + items.size() * sizeof(Value)) {
  if (heap != nullptr) heap->Step(items.size() / 8);
}

Mapping::Mapping(Heap* heap, Entries given)
    : depth(DepthOf(given)), charge(heap, sizeof(Mapping) + given.size() * 3 * sizeof(Value)) {
  if (heap != nullptr) heap->Step(given.size());
  entries.reserve(given.size());
  const bool indexed = given.size() > kIndexedFrom;
  for (auto& [key, value] : given) {
    const std::size_t hash = Hash(key);  // also refuses what cannot be a key
    if (const Value* there = indexed ? FindHashed(hash, key) : Find(key)) {
      const_cast<Value&>(*there) = std::move(value);
      continue;
    }
    if (indexed) index_.emplace(hash, entries.size());
    entries.emplace_back(std::move(key), std::move(value));
  }
}

const Value* Mapping::FindHashed(std::size_t hash, const Value& key) const {
  const auto [first, last] = index_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    if (Equal(entries[it->second].first, key)) return &entries[it->second].second;
  }
  return nullptr;
}

const Value* Mapping::Find(const Value& key) const {
  const std::size_t hash = Hash(key);
  if (!index_.empty()) return FindHashed(hash, key);
  for (const auto& [there, value] : entries) {
    if (Equal(there, key)) return &value;
  }
  return nullptr;
}

const Value* Mapping::Find(std::string_view key) const {
  if (!index_.empty()) {
    const auto [first, last] = index_.equal_range(HashText(key));
    for (auto it = first; it != last; ++it) {
      const auto& [there, value] = entries[it->second];
      if (there.is_string() && there.bytes() == key) return &value;
    }
    return nullptr;
  }
  for (const auto& [there, value] : entries) {
    if (there.is_string() && there.bytes() == key) return &value;
  }
  return nullptr;
}

std::optional<Value> Object::Attribute(Interpreter&, std::string_view) { return std::nullopt; }
Value Object::Call(Interpreter&, Arguments) { Fail("'" + std::string(type()) + "' object is not callable"); }
std::optional<Value> Object::Next(Interpreter&) { Fail("'" + std::string(type()) + "' object is not iterable"); }
std::optional<std::int64_t> Object::Length(Interpreter&) { return std::nullopt; }

const void* Value::identity() const {
  switch (kind()) {
    case Kind::kString: return &text();
    case Kind::kSequence: return &sequence();
    case Kind::kMapping: return &mapping();
    case Kind::kObject: return &object();
    default: return nullptr;
  }
}

int Value::depth() const {
  if (is(Kind::kSequence)) return sequence().depth;
  return is(Kind::kMapping) ? mapping().depth : 0;
}

Value MakeText(Heap* heap, std::string bytes, bool markup) {
  return std::make_shared<const Text>(heap, std::move(bytes), markup);
}

Value MakeSequence(Heap* heap, std::vector<Value> items, Shape shape) {
  return std::make_shared<const Sequence>(heap, std::move(items), shape);
}

Value MakeMapping(Heap* heap, Mapping::Entries entries) {
  return std::make_shared<const Mapping>(heap, std::move(entries));
}

std::string TypeName(const Value& value) {
  static constexpr std::array kShapes = {"list", "tuple", "_GroupTuple", "range", "dict_keys", "dict_values", "dict_items"};
  switch (value.kind()) {
    case Kind::kUndefined: return "Undefined";
    case Kind::kNone: return "NoneType";
    case Kind::kBool: return "bool";
    case Kind::kInteger: return "int";
    case Kind::kFloat: return "float";
    case Kind::kString: return value.text().markup ? "Markup" : "str";
    case Kind::kSequence: return kShapes[static_cast<std::size_t>(value.sequence().shape)];
    case Kind::kMapping: return "dict";
    case Kind::kObject: return std::string(value.object().type());
  }
  return "object";
}

std::string UndefinedMessage(const Undefined& undefined) {
  if (undefined.why != nullptr) return undefined.why;
  const std::string name = "'" + (undefined.name ? *undefined.name : std::string("?")) + "'";
  if (undefined.holder == nullptr) return name + " is undefined";
  return "'" + std::string(undefined.holder) + "' has no attribute " + name;
}

void FailUndefined(const Undefined& undefined) { Fail(UndefinedMessage(undefined)); }

}  // namespace berth::jinja
