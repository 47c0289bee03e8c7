// The filters that compare items with each other.
#include <algorithm>
#include <unordered_map>

#include "worker/jinja/access.h"
#include "worker/jinja/arguments.h"
#include "worker/jinja/compare.h"
#include "worker/jinja/filters.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/iterate.h"
#include "worker/jinja/python_text.h"

namespace berth::jinja::filters {
namespace {

struct Keyed {
  Value key;
  Value item;
};

Value WithoutCase(Interpreter& in, const Value& value) {
  return value.is_string() ? in.Text(jinja::Lower(value.bytes())) : value;
}

Value KeyOf(Interpreter& in, const Value& item, const Value& path, bool case_sensitive) {
  const Value key = GetPath(in, item, path);
  return case_sensitive ? key : WithoutCase(in, key);
}

// Stable in both directions, as Python's sorted().
void SortByKey(Interpreter& in, std::vector<Keyed>& items, bool reverse) {
  std::ranges::stable_sort(items, [&](const Keyed& a, const Keyed& b) {
    in.heap().Step();
    return reverse ? Less(b.key, a.key) : Less(a.key, b.key);
  });
}

Value ListOf(Interpreter& in, std::vector<Keyed> sorted) {
  std::vector<Value> items;
  items.reserve(sorted.size());
  for (Keyed& one : sorted) items.push_back(std::move(one.item));
  return in.List(std::move(items));
}

Value PathArgument(const Bound& bound, std::size_t index) {
  return bound.Find(index) != nullptr ? bound.At(index) : Value(None{});
}

}  // namespace

// `attribute` may name several, with commas between them.
Value Sort(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const bool case_sensitive = bound.Flag(1, false);
  const Value path = PathArgument(bound, 2);
  std::vector<Value> paths;
  if (path.is_string()) {
    for (const std::string_view one : Split(path.bytes(), ",", -1)) paths.push_back(in.Text(std::string(one)));
  } else {
    paths.push_back(path);
  }
  std::vector<Keyed> items;
  for (Value& item : ToVector(in, value)) {
    std::vector<Value> keys;
    for (const Value& one : paths) keys.push_back(KeyOf(in, item, one, case_sensitive));
    items.push_back({in.List(std::move(keys)), std::move(item)});
  }
  SortByKey(in, items, bound.Flag(0, false));
  return ListOf(in, std::move(items));
}

Value DictSort(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string_view by = bound.Text(1).value_or("key");
  if (by != "key" && by != "value") Fail("dictsort: by must be \"key\" or \"value\"");
  if (value.is_undefined()) FailUndefined(value.undefined());
  if (!value.is(Kind::kMapping)) Fail("dictsort needs a mapping, not '" + TypeName(value) + "'");
  std::vector<Keyed> items;
  for (const auto& [key, item] : value.mapping().entries) {
    const Value& which = by == "key" ? key : item;
    items.push_back({bound.Flag(0, false) ? which : WithoutCase(in, which), in.List({key, item}, Shape::kTuple)});
  }
  SortByKey(in, items, bound.Flag(2, false));
  return ListOf(in, std::move(items));
}

namespace {

Value Extreme(Interpreter& in, const Value& value, const Arguments& arguments, bool want_more) {
  const Bound bound(want_more ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const Value path = PathArgument(bound, 1);
  std::optional<Keyed> best;
  Iterator each(in, value);
  while (auto item = each.Next()) {
    Value key = KeyOf(in, *item, path, bound.Flag(0, false));
    const bool better = !best || (want_more ? Less(best->key, key, ">") : Less(key, best->key));
    if (better) best = Keyed{std::move(key), std::move(*item)};
  }
  return best ? best->item : Value::Missing("there is no least or greatest item: the sequence is empty");
}

}  // namespace

Value Max(Interpreter& in, const Value& value, const Arguments& arguments) { return Extreme(in, value, arguments, true); }
Value Min(Interpreter& in, const Value& value, const Arguments& arguments) { return Extreme(in, value, arguments, false); }

Value Unique(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("unique", arguments, {"case_sensitive", "attribute"});
  const bool case_sensitive = bound.Flag(0, false);
  const Value path = PathArgument(bound, 1);
  auto each = std::make_shared<std::optional<Iterator>>();
  auto seen = std::make_shared<std::unordered_multimap<std::size_t, Value>>();
  return in.Object<Generator>([=](Interpreter& inner) -> std::optional<Value> {
    if (!*each) each->emplace(inner, value);
    while (auto item = (*each)->Next()) {
      const Value key = KeyOf(inner, *item, path, case_sensitive);
      const auto [first, last] = seen->equal_range(Hash(key));
      if (std::any_of(first, last, [&](const auto& one) { return Equal(one.second, key); })) continue;
      inner.heap().Foresee(seen->size() * 64);
      seen->emplace(Hash(key), key);
      return item;
    }
    return std::nullopt;
  });
}

Value GroupBy(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const bool case_sensitive = bound.Flag(2, false);
  const auto grouper = [&](const Value& item) {
    const Value found = GetPath(in, item, bound.At(0));
    const bool fallback = found.is_undefined() && bound.Find(1) != nullptr && !bound.At(1).is_none();
    return fallback ? bound.At(1) : found;
  };
  std::vector<Keyed> items;
  for (Value& item : ToVector(in, value)) {
    const Value key = grouper(item);
    items.push_back({case_sensitive ? key : WithoutCase(in, key), std::move(item)});
  }
  SortByKey(in, items, false);
  std::vector<Value> groups;
  for (std::size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    std::vector<Value> members;
    for (; end < items.size() && Equal(items[end].key, items[begin].key); ++end) members.push_back(items[end].item);
    const Value key = grouper(members.front());
    groups.push_back(in.List({key, in.List(std::move(members))}, Shape::kGroup));
  }
  return in.List(std::move(groups));
}

}  // namespace berth::jinja::filters
