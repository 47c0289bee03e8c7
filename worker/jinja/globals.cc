#include "worker/jinja/globals.h"

#include <algorithm>
#include <ctime>

#include "worker/jinja/arguments.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/iterate.h"
#include "worker/jinja/methods.h"
#include "worker/jinja/print.h"

namespace berth::jinja {
namespace {

constexpr std::int64_t kMostRange = 100'000;  // of the sandboxed environment

Value Range(Interpreter& in, const Arguments& arguments) {
  const Bound bound("range()", arguments, {"start", "stop", "step"}, 1);
  const bool one = bound.Find(1) == nullptr;
  const std::int64_t start = one ? 0 : bound.Integer(0);
  const std::int64_t stop = bound.Integer(one ? 0 : 1);
  const std::int64_t step = bound.Integer(2, 1);
  if (step == 0) Fail("range(): the step cannot be zero");
  std::vector<Value> items;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (static_cast<std::int64_t>(items.size()) == kMostRange) Fail("range(): more than " + std::to_string(kMostRange) + " numbers");
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  auto range = std::make_shared<Sequence>(&in.heap(), std::move(items), Shape::kRange);
  range->range = "range(" + std::to_string(start) + ", " + std::to_string(stop) + (step == 1 ? "" : ", " + std::to_string(step)) + ")";
  return std::shared_ptr<const Sequence>(std::move(range));
}

// The entries of dict(mapping or pairs, name=value …).
Mapping::Entries EntriesFrom(Interpreter& in, const Arguments& arguments) {
  Mapping::Entries entries;
  if (arguments.positional.size() > 1) Fail("dict() takes at most one value without a name");
  for (const Value& from : arguments.positional) {
    if (from.is(Kind::kMapping)) {
      entries = from.mapping().entries;
      continue;
    }
    for (const Value& pair : ToVector(in, from)) {
      std::vector<Value> both = ToVector(in, pair);
      if (both.size() != 2) Fail("dict() takes pairs, and one has " + std::to_string(both.size()) + " values");
      entries.emplace_back(std::move(both[0]), std::move(both[1]));
    }
  }
  for (const auto& [name, value] : arguments.named) entries.emplace_back(in.Text(name), value);
  return entries;
}

Value Dict(Interpreter& in, const Arguments& arguments) { return in.Dict(EntriesFrom(in, arguments)); }

Value MakeNamespace(Interpreter& in, const Arguments& arguments) {
  const Value made = in.Object<Namespace>();
  auto& space = static_cast<Namespace&>(made.object());
  const Value entries = in.Dict(EntriesFrom(in, arguments));
  for (const auto& [key, value] : entries.mapping().entries) {
    if (!key.is_string()) Fail("the names of a namespace must be strings");
    space.Set(key.bytes(), value);
  }
  return made;
}

[[noreturn]] Value RaiseException(Interpreter&, const Arguments& arguments) {
  const Bound bound("raise_exception()", arguments, {"message"}, 1);
  Fail(Str(bound.At(0)));
}

Value StrftimeNow(Interpreter& in, const Arguments& arguments) {
  const Bound bound("strftime_now()", arguments, {"format"}, 1);
  const std::string format(bound.Text(0).value_or(""));
  if (format.empty()) return in.Text("");
  if (format.size() > 1024) Fail("strftime_now(): the format is longer than 1024 bytes");
  std::string text(format.size() * 64 + 256, '\0');  // no field is longer
  text.resize(std::strftime(text.data(), text.size(), format.c_str(), &in.now()));
  return in.Text(std::move(text));
}

// Gives its separator from the second call on.
Value MakeJoiner(Interpreter& in, const Arguments& arguments) {
  const Bound bound("joiner()", arguments, {"sep"});
  const Value separator = bound.Find(0) != nullptr ? bound.At(0) : in.Text(", ");
  return in.Object<Function>("joiner", [separator, used = false](Interpreter& inner, const Arguments&) mutable {
    return std::exchange(used, true) ? separator : inner.Text("");
  });
}

class Cycler final : public Object {
 public:
  Cycler(Heap* heap, std::vector<Value> items) : Object(heap), items_(std::move(items)) {}
  std::string_view type() const override { return "Cycler"; }
  std::optional<Value> Attribute(Interpreter& in, std::string_view name) override {
    if (name == "current") return items_[at_];
    if (name != "next" && name != "reset") return std::nullopt;
    const bool next = name == "next";
    return in.Object<Function>(std::string(name), [self = shared_from_this(), next](Interpreter&, const Arguments&) {
      auto& cycler = static_cast<Cycler&>(*self);
      const Value current = next ? cycler.items_[cycler.at_] : Value(None{});
      cycler.at_ = next ? (cycler.at_ + 1) % cycler.items_.size() : 0;
      return current;
    });
  }
  void Drop() override { items_.assign(1, {}); at_ = 0; }

 private:
  std::vector<Value> items_;
  std::size_t at_ = 0;
};

Value MakeCycler(Interpreter& in, const Arguments& arguments) {
  if (arguments.positional.empty()) Fail("cycler() needs at least one value");
  return in.Object<Cycler>(arguments.positional);
}

[[noreturn]] Value Refused(Interpreter&, const Arguments&) { Fail("lipsum() is not supported"); }

struct Global {
  std::string_view name;
  Value (*call)(Interpreter&, const Arguments&);
};
constexpr Global kGlobals[] = {
    {"range", Range},         {"dict", Dict},     {"namespace", MakeNamespace}, {"raise_exception", RaiseException},
    {"strftime_now", StrftimeNow}, {"joiner", MakeJoiner}, {"cycler", MakeCycler},   {"lipsum", Refused},
};

}  // namespace

std::optional<Value> FindGlobal(Interpreter& in, std::string_view name) {
  const auto* found = std::ranges::find(kGlobals, name, &Global::name);
  if (found == std::end(kGlobals)) return std::nullopt;
  return in.Object<Function>(std::string(name), found->call);
}

std::string Namespace::Repr(int depth) const {
  std::string text = "<Namespace {";
  for (const auto& [name, value] : attributes_) {
    if (text.size() > 13) text += ", ";
    text += ReprText(name) + ": " + jinja::Repr(value, depth + 1);
  }
  return text + "}>";
}

std::optional<Value> Namespace::Attribute(Interpreter&, std::string_view name) {
  const auto found = std::ranges::find(attributes_, name, [](const auto& one) { return std::string_view(one.first); });
  if (found == attributes_.end()) return std::nullopt;
  return found->second;
}

void Namespace::Set(std::string_view name, Value value) {
  const auto found = std::ranges::find(attributes_, name, [](const auto& one) { return std::string_view(one.first); });
  if (found != attributes_.end()) {
    found->second = std::move(value);
  } else {
    attributes_.emplace_back(std::string(name), std::move(value));
  }
}

}  // namespace berth::jinja
