// The part of the interpreter that runs loops, and what a loop tells of itself as `loop`.
#include "worker/jinja/compare.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/iterate.h"
#include "worker/jinja/methods.h"

namespace berth::jinja {

// Looks one item ahead only when asked to, because what makes the items may see what the body does.
class Loop final : public Object {
 public:
  Loop(Heap* heap, Interpreter& in, const ForStmt& stmt, Value over, int depth, std::shared_ptr<Scope> around)
      : Object(heap, 512), stmt_(stmt), over_(over), each_(std::in_place, in, std::move(over)), depth_(depth), around_(std::move(around)) {}

  std::string_view type() const override { return "LoopContext"; }
  bool callable() const override { return stmt_.recursive; }
  bool iterable() const override { return true; }

  std::optional<Value> Next(Interpreter&) override {
    std::optional<Value> item = looked_ahead_ ? std::exchange(ahead_, std::nullopt) : Pull();
    looked_ahead_ = false;
    if (!item) return std::nullopt;
    ++index0_;
    before_ = std::exchange(current_, *item);
    return item;
  }

  std::optional<std::int64_t> Length(Interpreter& in) override {
    if (length_) return length_;
    if (const auto known = LengthIfKnown(in, over_)) return length_ = *known;
    std::vector<Value> rest;
    while (auto item = Pull()) rest.push_back(std::move(*item));
    length_ = static_cast<std::int64_t>(rest.size()) + index0_ + 1 + (looked_ahead_ && ahead_ ? 1 : 0);
    each_.emplace(in, in.List(std::move(rest)));
    return length_;
  }

  Value Call(Interpreter& in, Arguments arguments) override {
    if (!stmt_.recursive) Fail("this loop is not recursive: {% for … recursive %}");
    if (arguments.positional.size() != 1 || !arguments.named.empty()) Fail("loop() takes what to loop over, and no more");
    return in.LoopAgain(stmt_, std::move(arguments.positional.front()), depth_ + 1, around_);
  }

  std::optional<Value> Attribute(Interpreter& in, std::string_view name) override;
  std::string Repr(int) const override { return "<LoopContext " + std::to_string(index0_ + 1) + ">"; }

  void Drop() override {
    over_ = before_ = current_ = Value();
    ahead_.reset();
    each_.reset();
    changed_.reset();
    around_.reset();
  }

 private:
  std::optional<Value> Pull() { return each_ ? each_->Next() : std::nullopt; }
  const std::optional<Value>& Ahead() {
    if (!looked_ahead_) ahead_ = Pull();
    looked_ahead_ = true;
    return ahead_;
  }
  static Value Cycle(Interpreter& in, Loop& self, const Arguments& arguments);
  static Value Changed(Interpreter& in, Loop& self, const Arguments& arguments);

  const ForStmt& stmt_;
  Value over_;
  std::optional<Iterator> each_;
  int depth_;
  std::shared_ptr<Scope> around_;
  std::int64_t index0_ = -1;
  bool looked_ahead_ = false;
  std::optional<Value> ahead_;
  Value before_, current_;
  std::optional<std::int64_t> length_;
  std::optional<std::vector<Value>> changed_;
};

Value Loop::Cycle(Interpreter&, Loop& self, const Arguments& arguments) {
  if (arguments.positional.empty()) Fail("loop.cycle() needs values to cycle through");
  return arguments.positional[static_cast<std::size_t>(self.index0_) % arguments.positional.size()];
}

Value Loop::Changed(Interpreter&, Loop& self, const Arguments& arguments) {
  const auto& values = arguments.positional;
  bool same = self.changed_ && self.changed_->size() == values.size();
  for (std::size_t i = 0; same && i < values.size(); ++i) same = Equal((*self.changed_)[i], values[i]);
  if (!same) self.changed_ = values;
  return !same;
}

std::optional<Value> Loop::Attribute(Interpreter& in, std::string_view name) {
  if (name == "index") return index0_ + 1;
  if (name == "index0") return index0_;
  if (name == "first") return index0_ == 0;
  if (name == "last") return !Ahead().has_value();
  if (name == "length") return *Length(in);
  if (name == "revindex") return *Length(in) - index0_;
  if (name == "revindex0") return *Length(in) - index0_ - 1;
  if (name == "depth") return std::int64_t{depth_} + 1;
  if (name == "depth0") return std::int64_t{depth_};
  if (name == "previtem") return index0_ == 0 ? Value::Missing("there is no previous item") : before_;
  if (name == "nextitem") return Ahead() ? *Ahead() : Value::Missing("there is no next item");
  if (name == "cycle" || name == "changed") {
    const auto method = name == "cycle" ? &Loop::Cycle : &Loop::Changed;
    return in.Object<Function>(std::string(name), [self = shared_from_this(), method](Interpreter& inner, const Arguments& arguments) {
      return method(inner, static_cast<Loop&>(*self), arguments);
    });
  }
  return std::nullopt;
}

Interpreter::Flow Interpreter::ExecuteFor(const ForStmt& stmt) {
  Value over = Evaluate(*stmt.over);
  line_ = stmt.line;
  if (!stmt.recursive) return RunLoop(stmt, std::move(over), 0, scope_);
  const Value text = LoopAgain(stmt, std::move(over), 0, scope_);
  Print(text);
  return Flow::kOn;
}

Value Interpreter::LoopAgain(const ForStmt& stmt, Value over, int depth, const std::shared_ptr<Scope>& around) {
  Captured captured(*this);
  RunLoop(stmt, std::move(over), depth, around);
  return Text(captured.Take());
}

// The items for which the condition holds, asked one by one as the loop goes on.
Value Interpreter::FilteredBy(const ForStmt& stmt, Value over) {
  auto each = std::make_shared<Iterator>(*this, std::move(over));
  const std::shared_ptr<Scope> around = scope_;
  return Object<Generator>([&stmt, each, around](Interpreter& in) -> std::optional<Value> {
    while (auto item = each->Next()) {
      const InScope scope(in, around);
      in.Assign(stmt.target, *item);
      if (Truthy(in.Evaluate(*stmt.condition))) return item;
    }
    return std::nullopt;
  });
}

Interpreter::Flow Interpreter::RunLoop(const ForStmt& stmt, Value over, int depth, std::shared_ptr<Scope> around) {
  const Nesting deeper(heap_);
  if (stmt.condition) over = FilteredBy(stmt, std::move(over));
  const Value loop = Object<Loop>(*this, stmt, std::move(over), depth, around);
  bool empty = true;
  while (auto item = loop.object().Next(*this)) {
    const InScope scope(*this, around);
    line_ = stmt.line;
    Assign(stmt.target, std::move(*item));
    scope_->Set(kLoopName, loop);
    const Flow flow = Execute(stmt.body);
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kOn) empty = false;  // Jinja's own: a turn that was left early does not count
  }
  // What it went over goes now, not when the interpreter looks through its objects: it may be large.
  if (loop.shared_object().use_count() == 2) loop.object().Drop();
  if (!empty || stmt.otherwise.empty()) return Flow::kOn;
  const InScope scope(*this, around);
  return Execute(stmt.otherwise);
}

}  // namespace berth::jinja
