// The filters that make their items one by one, when they are asked for: what goes wrong does so only then.
#include "worker/jinja/access.h"
#include "worker/jinja/arguments.h"
#include "worker/jinja/compare.h"
#include "worker/jinja/filters.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/iterate.h"

namespace berth::jinja::filters {
namespace {

using Step = std::function<std::optional<Value>(Interpreter&, const Value&)>;

// Items of `value` through `step`, which may leave some out. `prepare` is called when the first is asked for; neither is
// where the value is empty.
Value Lazily(Interpreter& in, const Value& value, std::function<Step(Interpreter&)> prepare) {
  struct State {
    std::optional<Iterator> each;
    Step step;
  };
  auto state = std::make_shared<State>();
  return in.Object<Generator>([=](Interpreter& inner) -> std::optional<Value> {
    if (!state->each) {
      if (!Truthy(value)) return std::nullopt;
      state->step = prepare(inner);
      state->each.emplace(inner, value);
    }
    while (auto item = state->each->Next()) {
      if (auto made = state->step(inner, *item)) return made;
    }
    return std::nullopt;
  });
}

Step MapByAttribute(Arguments arguments) {
  const Bound bound("map", arguments, {"attribute", "default"}, 1);
  const Value path = bound.At(0);
  const Value fallback = bound.Find(1) != nullptr ? bound.At(1) : Value(None{});
  return [path, fallback](Interpreter& in, const Value& item) -> std::optional<Value> {
    if (fallback.is_none()) return GetPath(in, item, path);
    Value found = GetPath(in, item, path);
    return found.is_undefined() ? fallback : found;
  };
}

std::string NameArgument(const Value& name) {
  if (!name.is_string()) Fail("the name of a filter or test must be a string, not '" + TypeName(name) + "'");
  return name.bytes();
}

Step MapByFilter(Arguments arguments) {
  if (arguments.positional.empty()) Fail("map needs the name of a filter, or attribute=");
  const std::string name = NameArgument(arguments.positional.front());
  arguments.positional.erase(arguments.positional.begin());
  if (FindFilter(name) == nullptr) Fail("there is no filter \"" + name + "\"");
  return [name, arguments](Interpreter& in, const Value& item) -> std::optional<Value> {
    return in.Filter(name, item, arguments);
  };
}

// select, reject and their attribute forms: `keep` is what the test must say.
Value Selected(Interpreter& in, const Value& value, const Arguments& given, bool by_attribute, bool keep) {
  return Lazily(in, value, [=](Interpreter&) -> Step {
    Arguments arguments = given;
    const auto take = [&arguments]() {
      Value first = arguments.positional.front();
      arguments.positional.erase(arguments.positional.begin());
      return first;
    };
    Value path = None{};
    if (by_attribute) {
      if (arguments.positional.empty()) Fail("selectattr and rejectattr need the name of an attribute");
      path = take();
    }
    const std::string test = arguments.positional.empty() ? "" : NameArgument(take());
    return [=](Interpreter& inner, const Value& item) -> std::optional<Value> {
      const Value looked_at = GetPath(inner, item, path);
      const bool says = test.empty() ? Truthy(looked_at) : inner.Test(test, looked_at, arguments);
      return says == keep ? std::optional<Value>(item) : std::nullopt;
    };
  });
}

}  // namespace

Value Map(Interpreter& in, const Value& value, const Arguments& arguments) {
  return Lazily(in, value, [arguments](Interpreter&) {
    bool attribute = false;
    for (const auto& [name, unused] : arguments.named) attribute |= name == "attribute";
    return arguments.positional.empty() && attribute ? MapByAttribute(arguments) : MapByFilter(arguments);
  });
}

Value Select(Interpreter& in, const Value& value, const Arguments& arguments) { return Selected(in, value, arguments, false, true); }
Value Reject(Interpreter& in, const Value& value, const Arguments& arguments) { return Selected(in, value, arguments, false, false); }
Value SelectAttr(Interpreter& in, const Value& value, const Arguments& arguments) { return Selected(in, value, arguments, true, true); }
Value RejectAttr(Interpreter& in, const Value& value, const Arguments& arguments) { return Selected(in, value, arguments, true, false); }

Value Batch(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("batch", arguments, {"linecount", "fill_with"}, 1);
  const std::int64_t most = bound.Integer(0);
  const Value fill = bound.Find(1) != nullptr ? bound.At(1) : Value(None{});
  auto each = std::make_shared<std::optional<Iterator>>();
  auto next = std::make_shared<std::vector<Value>>();
  return in.Object<Generator>([=](Interpreter& inner) -> std::optional<Value> {
    if (!*each) each->emplace(inner, value);
    while (auto item = (*each)->Next()) {
      const bool full = static_cast<std::int64_t>(next->size()) == most;
      std::vector<Value> batch;
      if (full) batch = std::exchange(*next, {});
      next->push_back(std::move(*item));
      if (full) return inner.List(std::move(batch));
    }
    if (next->empty()) return std::nullopt;
    const auto size = static_cast<std::int64_t>(next->size());
    if (!fill.is_none() && size < most) {
      inner.heap().Foresee(static_cast<std::uint64_t>(most) > UINT32_MAX ? UINT64_MAX / 2 : static_cast<std::uint64_t>(most) * sizeof(Value));
      next->resize(static_cast<std::size_t>(most), fill);
    }
    return inner.List(std::exchange(*next, {}));
  });
}

Value Slice(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("slice", arguments, {"slices", "fill_with"}, 1);
  const std::int64_t slices = bound.Integer(0);
  const Value fill = bound.Find(1) != nullptr ? bound.At(1) : Value(None{});
  struct State {
    std::optional<std::vector<Value>> all;
    std::int64_t number = 0, offset = 0;
  };
  auto state = std::make_shared<State>();
  return in.Object<Generator>([=](Interpreter& inner) -> std::optional<Value> {
    if (!state->all) state->all = ToVector(inner, value);
    if (slices == 0) Fail("slice: zero slices");
    if (state->number >= slices) return std::nullopt;
    inner.heap().Step();
    const auto length = static_cast<std::int64_t>(state->all->size());
    const std::int64_t each = length / slices, longer = length % slices, number = state->number++;
    const std::int64_t begin = state->offset + number * each;
    if (number < longer) ++state->offset;
    const std::int64_t end = state->offset + (number + 1) * each;
    std::vector<Value> part(state->all->begin() + begin, state->all->begin() + end);
    if (!fill.is_none() && number >= longer) part.push_back(fill);
    return inner.List(std::move(part));
  });
}

}  // namespace berth::jinja::filters
