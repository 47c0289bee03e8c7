// The part of the interpreter that defines and calls macros, and the call blocks that hand them a body.
#include <algorithm>

#include "worker/jinja/interpreter.h"
#include "worker/jinja/print.h"

namespace berth::jinja {

// A macro, or the body of a call block, with the scope in which it was defined.
class Macro final : public Object {
 public:
  Macro(Heap* heap, const Signature& signature, std::shared_ptr<Scope> closure)
      : Object(heap), signature_(signature), closure_(std::move(closure)) {}

  std::string_view type() const override { return "Macro"; }
  std::string Repr(int) const override { return "<Macro " + ReprText(signature_.name) + ">"; }
  bool callable() const override { return true; }
  Value Call(Interpreter& in, Arguments arguments) override {
    return in.CallMacro(signature_, closure_, std::move(arguments));
  }
  std::optional<Value> Attribute(Interpreter& in, std::string_view name) override {
    if (name == "name") return in.Text(signature_.name);
    if (name == "caller") return signature_.takes_caller;
    if (name == "catch_varargs") return signature_.takes_varargs;
    if (name == "catch_kwargs") return signature_.takes_kwargs;
    return std::nullopt;
  }
  void Drop() override { closure_.reset(); }

 private:
  const Signature& signature_;
  std::shared_ptr<Scope> closure_;
};

Value Interpreter::MakeMacro(const Signature& signature) { return Object<Macro>(signature, scope_); }

void Interpreter::ExecuteCallBlock(const CallBlockStmt& stmt) {
  Print(EvaluateCall(*stmt.call, MakeMacro(stmt.signature)));
}

Value Interpreter::CallMacro(const Signature& signature, const std::shared_ptr<Scope>& closure, Arguments arguments) {
  if (!closure) Fail("this macro's template has ended");
  const Nesting deeper(heap_);
  const int called_at = line_;
  const InScope scope(*this, closure);
  Captured captured(*this);
  BindParameters(signature, std::move(arguments));
  Execute(signature.body);
  line_ = called_at;
  return Text(captured.Take());
}

namespace {

// Takes the argument of that name out, if it is there.
std::optional<Value> TakeNamed(Arguments& arguments, std::string_view name) {
  const auto found = std::ranges::find_if(arguments.named, [&](const auto& one) { return one.first == name; });
  if (found == arguments.named.end()) return std::nullopt;
  Value value = std::move(found->second);
  arguments.named.erase(found);
  return value;
}

}  // namespace

void Interpreter::BindParameters(const Signature& signature, Arguments arguments) {
  const std::size_t positional = std::min(arguments.positional.size(), signature.parameters.size());
  std::vector<std::optional<Value>> given(signature.parameters.size());
  for (std::size_t i = 0; i < positional; ++i) given[i] = std::move(arguments.positional[i]);
  for (std::size_t i = positional; i < given.size(); ++i) given[i] = TakeNamed(arguments, signature.parameters[i].name);
  if (signature.takes_caller) {
    auto caller = TakeNamed(arguments, "caller");
    const bool none = !caller || caller->is_none();
    scope_->Set(kCallerName, none ? Value::Missing("this macro was called without a body ({% call %})") : *caller);
  }
  if (signature.takes_kwargs) {
    Mapping::Entries entries;
    for (auto& [name, value] : arguments.named) entries.emplace_back(Text(name), std::move(value));
    scope_->Set(kKwargsName, Dict(std::move(entries)));
  } else if (!arguments.named.empty()) {
    Fail("the macro \"" + signature.name + "\" has no parameter \"" + arguments.named.front().first + "\"");
  }
  std::vector<Value> more(arguments.positional.begin() + static_cast<std::ptrdiff_t>(positional), arguments.positional.end());
  if (signature.takes_varargs) {
    scope_->Set(kVarargsName, List(std::move(more), Shape::kTuple));
  } else if (!more.empty()) {
    Fail("the macro \"" + signature.name + "\" takes at most " + std::to_string(signature.parameters.size()) + " arguments");
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto& parameter = signature.parameters[i];
    if (!given[i] && parameter.preset) given[i] = Evaluate(*parameter.preset);
    scope_->Set(parameter.id, given[i] ? std::move(*given[i]) : Value::Missing("a parameter was not given to the macro"));
  }
}

}  // namespace berth::jinja
