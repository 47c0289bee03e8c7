// The filters that look at a value as a whole, or at all of its items.
#include <algorithm>

#include "worker/jinja/access.h"
#include "worker/jinja/arguments.h"
#include "worker/jinja/compare.h"
#include "worker/jinja/filters.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/iterate.h"
#include "worker/jinja/operators.h"
#include "worker/jinja/print.h"
#include "worker/text/utf8.h"

namespace berth::jinja::filters {
namespace {

bool IsReversible(const Value& value) {
  return value.is_undefined() || value.is_string() || value.is(Kind::kSequence) || value.is(Kind::kMapping);
}

Value PathArgument(const Bound& bound, std::size_t index) {
  return bound.Find(index) != nullptr ? bound.At(index) : Value(None{});
}

}  // namespace

Value Attr(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("attr", arguments, {"name"}, 1);
  const std::string_view name = bound.Text(0).value_or("");
  if (value.is_undefined()) FailUndefined(value.undefined());
  if (auto found = FindAttribute(in, value, name)) return *found;
  return Undefined{std::make_shared<const std::string>(name), "object", nullptr};
}

Value Default(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("default", arguments, {"default_value", "boolean"});
  const bool absent = value.is_undefined() || (bound.Flag(1, false) && !Truthy(value));
  if (!absent) return value;
  return bound.Find(0) != nullptr ? bound.At(0) : in.Text("");
}

Value First(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("first", arguments, {});
  Iterator each(in, value);
  auto first = each.Next();
  return first ? *first : Value::Missing("there is no first item: the sequence is empty");
}

Value Last(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("last", arguments, {});
  if (!IsReversible(value)) Fail("'" + TypeName(value) + "' object is not reversible; put |list before");
  if (value.is_string()) return value.bytes().empty() ? Value::Missing("there is no last item: the string is empty") : GetItem(in, value, std::int64_t{-1});
  const auto& none = Value::Missing("there is no last item: the sequence is empty");
  if (value.is(Kind::kMapping)) return value.mapping().entries.empty() ? none : value.mapping().entries.back().first;
  if (value.is_undefined()) return none;
  return value.sequence().items.empty() ? none : value.sequence().items.back();
}

Value Items(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("items", arguments, {});
  return in.Object<Generator>([value, at = std::size_t{0}](Interpreter& inner) mutable -> std::optional<Value> {
    if (value.is_undefined()) return std::nullopt;
    if (!value.is(Kind::kMapping)) Fail("items needs a mapping, not '" + TypeName(value) + "'");
    if (at >= value.mapping().entries.size()) return std::nullopt;
    const auto& [key, item] = value.mapping().entries[at++];
    return inner.List({key, item}, Shape::kTuple);
  });
}

Value Join(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("join", arguments, {"d", "attribute"});
  const std::string separator = bound.Find(0) != nullptr ? Str(bound.At(0)) : std::string();
  const Value path = PathArgument(bound, 1);
  std::string out, storage;
  Iterator each(in, value);
  for (bool first = true; auto item = each.Next(); first = false) {
    const Value part = GetPath(in, *item, path);
    const std::string_view text = StrView(part, storage);
    if (out.size() + separator.size() + text.size() > in.heap().limits().value_bytes) in.heap().Foresee(UINT32_MAX);
    in.heap().StepBytes(separator.size() + text.size());
    if (!first) out += separator;
    out += text;
  }
  return in.Text(std::move(out));
}

Value Length(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("length", arguments, {});
  return jinja::Length(in, value);
}

Value List(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("list", arguments, {});
  return in.List(ToVector(in, value));
}

Value Reverse(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("reverse", arguments, {});
  if (value.is_string()) return GetSlice(in, value, None{}, None{}, std::int64_t{-1});
  if (!IsReversible(value)) {
    std::vector<Value> items = ToVector(in, value);
    std::ranges::reverse(items);
    return in.List(std::move(items));
  }
  const Value all = in.List(ToVector(in, value));
  return in.Object<Generator>([all, left = all.sequence().items.size()](Interpreter&) mutable -> std::optional<Value> {
    if (left == 0) return std::nullopt;
    return all.sequence().items[--left];
  });
}

Value Sum(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("sum", arguments, {"attribute", "start"});
  Value sum = bound.Find(1) != nullptr ? bound.At(1) : Value(std::int64_t{0});
  if (sum.is_string()) Fail("sum cannot add strings; use join");
  const Value path = PathArgument(bound, 0);
  Iterator each(in, value);
  while (auto item = each.Next()) sum = Calculate(in, BinaryOp::kAdd, sum, GetPath(in, *item, path));
  return sum;
}

}  // namespace berth::jinja::filters
