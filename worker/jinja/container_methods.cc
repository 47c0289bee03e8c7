// The methods of mappings, lists and tuples.
#include <algorithm>

#include "worker/jinja/arguments.h"
#include "worker/jinja/compare.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/methods.h"

namespace berth::jinja {
namespace {

template <Shape kShape>
Value ViewOf(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("this method", arguments, {});
  const auto& entries = self.mapping().entries;
  in.heap().Foresee(entries.size() * sizeof(Value));
  std::vector<Value> items;
  items.reserve(entries.size());
  for (const auto& [key, value] : entries) {
    if constexpr (kShape == Shape::kKeys) items.push_back(key);
    if constexpr (kShape == Shape::kValues) items.push_back(value);
    if constexpr (kShape == Shape::kItems) items.push_back(in.List({key, value}, Shape::kTuple));
  }
  return in.List(std::move(items), kShape);
}

Value Get(Interpreter&, const Value& self, const Arguments& arguments) {
  if (!arguments.named.empty()) Fail("get() takes no named arguments");
  const Bound bound("get()", arguments, {"key", "default"}, 1);
  if (const Value* found = self.mapping().Find(bound.At(0))) return *found;
  return bound.Find(1) != nullptr ? bound.At(1) : Value(None{});
}

Value Copied(Interpreter&, const Value& self, const Arguments& arguments) {
  const Bound bound("copy()", arguments, {});
  return self;  // nothing can change it
}

Value CountOfItem(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("count()", arguments, {"value"}, 1);
  in.heap().Step(self.sequence().items.size());
  return static_cast<std::int64_t>(
      std::ranges::count_if(self.sequence().items, [&](const Value& item) { return Equal(item, bound.At(0)); }));
}

Value IndexOfItem(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("index()", arguments, {"value", "start", "stop"}, 1);
  const auto& items = self.sequence().items;
  const auto size = static_cast<std::int64_t>(items.size());
  const auto place = [&](std::int64_t at) { return std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size); };
  in.heap().Step(items.size());
  for (std::int64_t i = place(bound.Integer(1, 0)); i < place(bound.Integer(2, size)); ++i) {
    if (Equal(items[static_cast<std::size_t>(i)], bound.At(0))) return i;
  }
  Fail("index(): the value is not in the list");
}

constexpr Method kOfMappings[] = {
    {"copy", Copied}, {"get", Get}, {"items", ViewOf<Shape::kItems>}, {"keys", ViewOf<Shape::kKeys>}, {"values", ViewOf<Shape::kValues>},
};
constexpr Method kOfSequences[] = {{"count", CountOfItem}, {"index", IndexOfItem}};
constexpr Method kOfLists[] = {{"copy", Copied}, {"count", CountOfItem}, {"index", IndexOfItem}};

template <std::size_t kSize>
const Method* FindIn(const Method (&methods)[kSize], std::string_view name) {
  const auto* found = std::ranges::find(methods, name, &Method::name);
  return found == std::end(methods) ? nullptr : found;
}

}  // namespace

const Method* FindContainerMethod(const Value& self, std::string_view name) {
  if (self.is(Kind::kMapping)) return FindIn(kOfMappings, name);
  if (!self.is(Kind::kSequence)) return nullptr;
  if (self.sequence().shape == Shape::kList) return FindIn(kOfLists, name);
  return self.sequence().indexable() ? FindIn(kOfSequences, name) : nullptr;
}

}  // namespace berth::jinja
