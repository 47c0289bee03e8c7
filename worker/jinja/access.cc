#include "worker/jinja/access.h"

#include <algorithm>
#include <optional>

#include "worker/jinja/interpreter.h"
#include "worker/jinja/python_text.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

// Methods of Python that change their object: there, but not safe, so they read as undefined.
bool IsRefusedMethod(const Value& object, std::string_view name) {
  static constexpr std::string_view kOfMappings[] = {"clear", "pop", "popitem", "setdefault", "update"};
  static constexpr std::string_view kOfLists[] = {"append", "reverse", "insert", "sort", "extend", "remove", "pop", "clear"};
  if (object.is(Kind::kMapping)) return std::ranges::find(kOfMappings, name) != std::end(kOfMappings);
  return object.is(Kind::kSequence) && object.sequence().shape == Shape::kList &&
         std::ranges::find(kOfLists, name) != std::end(kOfLists);
}

// "__class__" and the like: every object of Python has them, and no template may touch them.
bool IsInternal(std::string_view name) { return name.starts_with("__") && name.ends_with("__"); }

const char* HolderName(const Value& object) {
  switch (object.kind()) {
    case Kind::kNone: return "None";
    case Kind::kBool: return "bool object";
    case Kind::kInteger: return "int object";
    case Kind::kFloat: return "float object";
    case Kind::kString: return "str object";
    case Kind::kSequence: return object.sequence().shape == Shape::kList ? "list object" : "tuple object";
    case Kind::kMapping: return "dict object";
    default: return "object";
  }
}

Value BoundMethod(Interpreter& in, const Value& self, const Method& method) {
  return in.Object<Function>(std::string(method.name), [self, &method](Interpreter& inner, const Arguments& arguments) {
    return method.call(inner, self, arguments);
  });
}

// The index into something of `size` items; absent where it is out of range.
std::optional<std::size_t> IndexIn(std::size_t size, const Value& key) {
  if (!key.is_integral()) return std::nullopt;
  const std::int64_t index = key.integer() < 0 ? key.integer() + static_cast<std::int64_t>(size) : key.integer();
  if (index < 0 || index >= static_cast<std::int64_t>(size)) return std::nullopt;
  return static_cast<std::size_t>(index);
}

Value CharacterAt(Interpreter& in, const Text& text, std::size_t index) {
  const std::size_t begin = text.ascii() ? index : ByteOf(text.bytes, index);
  in.heap().StepBytes(text.ascii() ? 0 : begin);
  std::size_t end = begin;
  text::DecodeAt(text.bytes, end);
  return in.Text(text.bytes.substr(begin, end - begin), text.markup);
}

// obj[key]; absent where Python raises a TypeError or LookupError.
std::optional<Value> FindItem(Interpreter& in, const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::kUndefined: FailUndefined(object.undefined());
    case Kind::kString:
      if (const auto index = IndexIn(object.text().points, key)) return CharacterAt(in, object.text(), *index);
      return std::nullopt;
    case Kind::kSequence:
      if (!object.sequence().indexable()) return std::nullopt;
      if (const auto index = IndexIn(object.sequence().items.size(), key)) return object.sequence().items[*index];
      return std::nullopt;
    case Kind::kMapping: {
      const bool no_key = key.is(Kind::kMapping) || (key.is(Kind::kSequence) && key.sequence().shape == Shape::kList);
      if (no_key) return std::nullopt;  // not hashable
      const Value* found = object.mapping().Find(key);
      return found == nullptr ? std::nullopt : std::optional<Value>(*found);
    }
    default: return std::nullopt;
  }
}

struct Range {
  std::int64_t begin, end, step;
};

std::int64_t BoundOf(const Value& value, std::int64_t fallback) {
  if (value.is_none()) return fallback;
  if (!value.is_integral()) Fail("slices need integers or nothing, not '" + TypeName(value) + "'");
  return value.integer();
}

// As Python's slice.indices.
Range RangeOf(std::int64_t size, const Value& begin, const Value& end, const Value& step) {
  Range range{0, 0, BoundOf(step, 1)};
  if (range.step == 0) Fail("the step of a slice cannot be zero");
  const std::int64_t lowest = range.step < 0 ? -1 : 0;
  const std::int64_t highest = range.step < 0 ? size - 1 : size;
  const auto place = [&](const Value& value, std::int64_t fallback) {
    std::int64_t at = BoundOf(value, fallback);
    if (value.is_none()) return at;
    if (at < 0) at = at < -size ? lowest : at + size;
    return std::clamp(at, lowest, std::max(lowest, highest));
  };
  range.begin = place(begin, range.step < 0 ? highest : lowest);
  range.end = place(end, range.step < 0 ? lowest : highest);
  return range;
}

template <class Visit>
void ForEachIn(const Range& range, Visit visit) {
  for (std::int64_t i = range.begin; range.step > 0 ? i < range.end : i > range.end;) {
    visit(static_cast<std::size_t>(i));
    if (__builtin_add_overflow(i, range.step, &i)) return;
  }
}

Value SliceText(Interpreter& in, const Text& text, const Range& range) {
  std::string out;
  if (text.ascii()) {
    ForEachIn(range, [&](std::size_t i) { out += text.bytes[i]; });
    return in.Text(std::move(out), text.markup);
  }
  in.heap().Foresee(text.points * sizeof(std::size_t));
  std::vector<std::size_t> begins;
  for (std::size_t at = 0; at < text.bytes.size(); text::DecodeAt(text.bytes, at)) begins.push_back(at);
  begins.push_back(text.bytes.size());
  ForEachIn(range, [&](std::size_t i) { out.append(text.bytes, begins[i], begins[i + 1] - begins[i]); });
  return in.Text(std::move(out), text.markup);
}

std::vector<std::string_view> PathParts(std::string_view path) { return Split(path, ".", -1); }

bool IsDigits(std::string_view part) {
  return !part.empty() && part.size() < 18 && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::optional<Value> FindAttribute(Interpreter& in, const Value& object, std::string_view name) {
  if (const Method* method = FindMethod(object, name)) return BoundMethod(in, object, *method);
  if (IsInternal(name)) return Value::Missing("attributes with double underscores are out of reach");
  if (IsRefusedMethod(object, name)) return Value::Missing("methods that change a value are out of reach in templates");
  if (object.is(Kind::kSequence) && object.sequence().shape == Shape::kGroup) {
    if (name == "grouper") return object.sequence().items[0];
    if (name == "list") return object.sequence().items[1];
  }
  if (!object.is(Kind::kObject)) return std::nullopt;
  auto found = object.object().Attribute(in, name);
  if (found && name.starts_with("_")) return Value::Missing("attributes with an underscore are out of reach");
  return found;
}

Value GetAttribute(Interpreter& in, const Value& object, const std::shared_ptr<const std::string>& name) {
  if (object.is_undefined()) FailUndefined(object.undefined());
  // What is only in the mapping is the common case, and needs no text made of the name.
  if (auto attribute = FindAttribute(in, object, *name)) return *attribute;
  if (object.is(Kind::kMapping)) {
    if (const Value* found = object.mapping().Find(std::string_view(*name))) return *found;
  }
  return Undefined{name, HolderName(object), nullptr};
}

Value GetItem(Interpreter& in, const Value& object, const Value& key) {
  if (auto item = FindItem(in, object, key)) return *item;
  if (!key.is_string()) return Undefined{std::make_shared<const std::string>(TypeName(key)), HolderName(object), nullptr};
  if (auto attribute = FindAttribute(in, object, key.bytes())) return *attribute;
  return Undefined{std::make_shared<const std::string>(key.bytes().substr(0, 200)), HolderName(object), nullptr};
}

Value GetSlice(Interpreter& in, const Value& object, const Value& begin, const Value& end, const Value& step) {
  if (object.is_undefined()) FailUndefined(object.undefined());
  if (object.is_string()) {
    const Range range = RangeOf(static_cast<std::int64_t>(object.text().points), begin, end, step);
    return SliceText(in, object.text(), range);
  }
  if (!object.is(Kind::kSequence) || !object.sequence().indexable()) {
    Fail("'" + TypeName(object) + "' object cannot be sliced");
  }
  const Sequence& sequence = object.sequence();
  std::vector<Value> items;
  in.heap().Foresee(sequence.items.size() * sizeof(Value));
  const Range range = RangeOf(static_cast<std::int64_t>(sequence.items.size()), begin, end, step);
  ForEachIn(range, [&](std::size_t i) { items.push_back(sequence.items[i]); });
  // A slice of a range is printed as a range, which these numbers alone do not tell: it becomes a list.
  const bool tuple = sequence.shape == Shape::kTuple || sequence.shape == Shape::kGroup;
  return in.List(std::move(items), tuple ? Shape::kTuple : Shape::kList);
}

Value GetPath(Interpreter& in, const Value& object, const Value& path) {
  if (path.is_none()) return object;
  if (!path.is_string()) return GetItem(in, object, path);
  Value at = object;
  for (const std::string_view part : PathParts(path.bytes())) {
    at = IsDigits(part) ? GetItem(in, at, Value(static_cast<std::int64_t>(std::stoll(std::string(part)))))
                        : GetItem(in, at, in.Text(std::string(part)));
  }
  return at;
}

const Method* FindMethod(const Value& self, std::string_view name) {
  return self.is_string() ? FindTextMethod(name) : FindContainerMethod(self, name);
}

}  // namespace berth::jinja
