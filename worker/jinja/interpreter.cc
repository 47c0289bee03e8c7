#include "worker/jinja/interpreter.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "supervisor/base/bytes.h"
#include "worker/jinja/compare.h"
#include "worker/jinja/filters.h"
#include "worker/jinja/globals.h"
#include "worker/jinja/iterate.h"
#include "worker/jinja/json.h"
#include "worker/jinja/print.h"
#include "worker/jinja/value_tests.h"

namespace berth::jinja {

Interpreter::Interpreter(const Ast& ast, const Limits& limits, const std::tm& now)
    : ast_(ast), heap_(limits), now_(now), outermost_(ast.names.size()), given_(ast.names.size()) {}

// Objects can hold each other in circles and in long chains: first all let go, then all go.
Interpreter::~Interpreter() {
  scope_.reset();
  for (const auto& object : objects_) object->Drop();
}

Value Interpreter::Keep(std::shared_ptr<jinja::Object> object) {
  if (objects_.size() >= look_through_at_) {
    std::erase_if(objects_, [](const auto& one) { return one.use_count() == 1; });
    heap_.Step(look_through_at_ / 8);
    look_through_at_ = std::max<std::size_t>(1024, objects_.size() * 2);
  }
  objects_.push_back(object);
  return object;
}

std::string Interpreter::Run(const nlohmann::ordered_json& context) {
  for (std::size_t id = 0; id < ast_.names.size(); ++id) {
    const std::string& name = ast_.names[id];
    if (const auto given = context.find(name); given != context.end()) {
      outermost_[id] = FromJson(&heap_, *given);
      given_[id] = true;
    } else if (auto global = FindGlobal(*this, name)) {
      outermost_[id] = std::move(*global);
      given_[id] = true;
    }
  }
  std::string text;
  out_ = &text;
  scope_ = std::make_shared<Scope>(nullptr);
  Execute(ast_.body);
  return text;
}

Value Interpreter::Call(const Value& callee, Arguments arguments) {
  if (callee.is_undefined()) FailUndefined(callee.undefined());
  if (!callee.is(Kind::kObject)) Fail("'" + TypeName(callee) + "' object is not callable");
  const Nesting deeper(heap_);
  return callee.object().Call(*this, std::move(arguments));
}

Value Interpreter::Filter(std::string_view name, const Value& value, const Arguments& arguments) {
  const FilterFunction* filter = FindFilter(name);
  if (filter == nullptr) Fail("there is no filter \"" + std::string(name) + "\"");
  heap_.Step();
  return (*filter)(*this, value, arguments);
}

bool Interpreter::Test(std::string_view name, const Value& value, const Arguments& arguments) {
  const TestFunction* test = FindTest(name);
  if (test == nullptr) Fail("there is no test \"" + std::string(name) + "\"");
  heap_.Step();
  return (*test)(*this, value, arguments);
}

void Interpreter::Write(std::string_view text) {
  written_ += text.size();
  if (written_ > heap_.limits().output_bytes) {
    written_ -= text.size();
    FailLimit("the template writes more than " + FormatBytes({heap_.limits().output_bytes}));
  }
  heap_.Wrote(written_);
  heap_.StepBytes(text.size());
  *out_ += text;
}

void Interpreter::Print(const Value& value) {
  std::string storage;
  Write(StrView(value, storage));
}

Interpreter::Flow Interpreter::Execute(const Body& body) {
  for (const StmtPtr& stmt : body) {
    if (const Flow flow = ExecuteOne(*stmt); flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Interpreter::Flow Interpreter::ExecuteOne(const Stmt& stmt) {
  heap_.Step();
  line_ = stmt.line;
  switch (stmt.kind) {
    case StmtKind::kText: Write(static_cast<const TextStmt&>(stmt).text); return Flow::kOn;
    case StmtKind::kPrint: Print(Evaluate(*static_cast<const PrintStmt&>(stmt).value)); return Flow::kOn;
    case StmtKind::kIf: return ExecuteIf(static_cast<const IfStmt&>(stmt));
    case StmtKind::kFor: return ExecuteFor(static_cast<const ForStmt&>(stmt));
    case StmtKind::kSet: {
      const auto& set = static_cast<const SetStmt&>(stmt);
      Assign(set.target, Evaluate(*set.value));
      return Flow::kOn;
    }
    case StmtKind::kSetBlock: return ExecuteSetBlock(static_cast<const SetBlockStmt&>(stmt));
    case StmtKind::kMacro: {
      const auto& macro = static_cast<const MacroStmt&>(stmt);
      scope_->Set(macro.id, MakeMacro(macro.signature));
      return Flow::kOn;
    }
    case StmtKind::kCallBlock: ExecuteCallBlock(static_cast<const CallBlockStmt&>(stmt)); return Flow::kOn;
    case StmtKind::kFilterBlock: return ExecuteFilterBlock(static_cast<const FilterBlockStmt&>(stmt));
    case StmtKind::kWith: return ExecuteWith(static_cast<const WithStmt&>(stmt));
    case StmtKind::kScope: return ExecuteScoped(static_cast<const ScopeStmt&>(stmt).body);
    case StmtKind::kBreak: return Flow::kBreak;
    case StmtKind::kContinue: return Flow::kContinue;
    case StmtKind::kRefused: Fail(static_cast<const RefusedStmt&>(stmt).why);
  }
  return Flow::kOn;
}

// In the scope around it, as Python's if.
Interpreter::Flow Interpreter::ExecuteIf(const IfStmt& stmt) {
  const Nesting deeper(heap_);
  for (const auto& [condition, body] : stmt.branches) {
    if (Truthy(Evaluate(*condition))) return Execute(body);
  }
  return Execute(stmt.otherwise);
}

// Leaving a loop out of the block drops what it had written.
Interpreter::Flow Interpreter::ExecuteSetBlock(const SetBlockStmt& stmt) {
  Value text;
  {
    Captured captured(*this);
    if (const Flow flow = ExecuteScoped(stmt.body); flow != Flow::kOn) return flow;
    text = Text(captured.Take());
  }
  if (stmt.filter) text = EvaluateFilter(static_cast<const FilterExpr&>(*stmt.filter), &text);
  Assign(stmt.target, std::move(text));
  return Flow::kOn;
}

Interpreter::Flow Interpreter::ExecuteFilterBlock(const FilterBlockStmt& stmt) {
  Value text;
  {
    Captured captured(*this);
    if (const Flow flow = ExecuteScoped(stmt.body); flow != Flow::kOn) return flow;
    text = Text(captured.Take());
  }
  Print(EvaluateFilter(static_cast<const FilterExpr&>(*stmt.filter), &text));
  return Flow::kOn;
}

// The values are those of the scope around it: they do not see each other.
Interpreter::Flow Interpreter::ExecuteWith(const WithStmt& stmt) {
  std::vector<Value> values;
  for (const auto& [target, value] : stmt.assignments) values.push_back(Evaluate(*value));
  const Nesting deeper(heap_);
  const InScope scope(*this);
  for (std::size_t i = 0; i < values.size(); ++i) Assign(stmt.assignments[i].first, std::move(values[i]));
  return Execute(stmt.body);
}

Interpreter::Flow Interpreter::ExecuteScoped(const Body& body) {
  const Nesting deeper(heap_);
  const InScope scope(*this);
  return Execute(body);
}

void Interpreter::Assign(const Target& target, Value value) {
  if (!target.attribute.empty()) return AssignAttribute(target, std::move(value));
  if (!target.is_tuple) return scope_->Set(target.name, std::move(value));
  std::vector<Value> items = ToVector(*this, value);
  if (items.size() != target.parts.size()) {
    Fail(std::to_string(items.size()) + " values cannot be assigned to " + std::to_string(target.parts.size()) + " names");
  }
  for (std::size_t i = 0; i < items.size(); ++i) Assign(target.parts[i], std::move(items[i]));
}

void Interpreter::AssignAttribute(const Target& target, Value value) {
  const Value object = EvaluateName(target.name);
  Namespace* const space = object.is(Kind::kObject) ? dynamic_cast<Namespace*>(&object.object()) : nullptr;
  if (space == nullptr) Fail("attributes can be assigned to namespaces alone, not to '" + TypeName(object) + "'");
  space->Set(target.attribute, std::move(value));
}

}  // namespace berth::jinja
