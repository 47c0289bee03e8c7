// One rendering of one template: walks its tree, holds its variables, writes its text. Lives as long as the call, on its
// thread. Filters, tests and functions get it to make values with, and to call what they are given.
#pragma once

#include <ctime>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/jinja/ast.h"
#include "worker/jinja/heap.h"
#include "worker/jinja/scope.h"
#include "worker/jinja/value.h"

namespace berth::jinja {

class Interpreter {
 public:
  // `now` is what strftime_now() tells.
  Interpreter(const Ast& ast, const Limits& limits, const std::tm& now);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;

  // `context`: an object, the variables. Throws TemplateError; line() is where then.
  std::string Run(const nlohmann::ordered_json& context);
  int line() const { return line_; }

  Heap& heap() { return heap_; }
  const std::tm& now() const { return now_; }

  Value Text(std::string bytes, bool markup = false) { return MakeText(&heap_, std::move(bytes), markup); }
  Value List(std::vector<Value> items, Shape shape = Shape::kList) {
    return MakeSequence(&heap_, std::move(items), shape);
  }
  Value Dict(Mapping::Entries entries) { return MakeMapping(&heap_, std::move(entries)); }

  // An object that may hold other values: kept until nobody else does, or the rendering ends.
  template <class T, class... Args>
  Value Object(Args&&... args) {
    return Keep(std::make_shared<T>(&heap_, std::forward<Args>(args)...));
  }

  Value Call(const Value& callee, Arguments arguments);
  Value Filter(std::string_view name, const Value& value, const Arguments& arguments);
  bool Test(std::string_view name, const Value& value, const Arguments& arguments);

 private:
  friend class Macro;
  friend class Loop;
  enum class Flow { kOn, kBreak, kContinue };
  class InScope;
  class Captured;

  Value Keep(std::shared_ptr<jinja::Object> object);

  // Expressions (evaluate.cc).
  Value Evaluate(const Expr& expr);
  Value EvaluateArray(const ArrayExpr& expr);
  Value EvaluateMapping(const MappingExpr& expr);
  Value EvaluateUnary(const UnaryExpr& expr);
  Value EvaluateBinary(const BinaryExpr& expr);
  Value EvaluateConcat(const ConcatExpr& expr);
  Value EvaluateCompare(const CompareExpr& expr);
  Value EvaluateLogic(const LogicExpr& expr);
  Value EvaluateCondition(const ConditionExpr& expr);
  Value EvaluateFilter(const FilterExpr& expr, const Value* block_text = nullptr);
  Value EvaluateTest(const FilterExpr& expr);
  Value EvaluateCall(const CallExpr& expr, Value caller = {});
  Value EvaluateAttribute(const AttributeExpr& expr);
  Value EvaluateItem(const ItemExpr& expr);
  Value EvaluateSlice(const SliceExpr& expr);
  Value EvaluateName(NameId id);
  Arguments EvaluateArguments(const ArgumentExprs& arguments);

  // Statements (interpreter.cc, loop.cc, macro.cc).
  Flow Execute(const Body& body);
  Flow ExecuteOne(const Stmt& stmt);
  Flow ExecuteIf(const IfStmt& stmt);
  Flow ExecuteFor(const ForStmt& stmt);
  Flow ExecuteSetBlock(const SetBlockStmt& stmt);
  Flow ExecuteFilterBlock(const FilterBlockStmt& stmt);
  void ExecuteCallBlock(const CallBlockStmt& stmt);
  Flow ExecuteWith(const WithStmt& stmt);
  Flow ExecuteScoped(const Body& body);
  Flow RunLoop(const ForStmt& stmt, Value over, int depth, std::shared_ptr<Scope> around);
  Value FilteredBy(const ForStmt& stmt, Value over);
  Value LoopAgain(const ForStmt& stmt, Value over, int depth, const std::shared_ptr<Scope>& around);
  Value MakeMacro(const Signature& signature);
  Value CallMacro(const Signature& signature, const std::shared_ptr<Scope>& closure, Arguments arguments);
  void BindParameters(const Signature& signature, Arguments arguments);
  void Assign(const Target& target, Value value);
  void AssignAttribute(const Target& target, Value value);
  void Print(const Value& value);
  void Write(std::string_view text);

  const Ast& ast_;
  Heap heap_;
  std::tm now_;
  int line_ = 1;
  std::vector<Value> outermost_;  // by NameId: what the request and the language give
  std::vector<bool> given_;       // which of them there are
  std::shared_ptr<Scope> scope_;
  std::string* out_ = nullptr;
  std::size_t written_ = 0;  // bytes in all outputs that are open
  std::vector<std::shared_ptr<jinja::Object>> objects_;
  std::size_t look_through_at_ = 1024;
};

// For as long as it lives, variables are those of a new scope around which stands `outer`.
class Interpreter::InScope {
 public:
  InScope(Interpreter& in, std::shared_ptr<Scope> outer) : in_(in), before_(std::move(in.scope_)) {
    in_.scope_ = std::make_shared<Scope>(std::move(outer));
  }
  explicit InScope(Interpreter& in) : InScope(in, in.scope_) {}
  ~InScope() { in_.scope_ = std::move(before_); }
  InScope(const InScope&) = delete;

 private:
  Interpreter& in_;
  std::shared_ptr<Scope> before_;
};

// For as long as it lives, what is written goes here.
class Interpreter::Captured {
 public:
  explicit Captured(Interpreter& in) : in_(in), before_(in.out_) { in_.out_ = &text_; }
  ~Captured() {
    in_.out_ = before_;
    in_.written_ -= counted_ ? text_.size() : 0;
  }
  Captured(const Captured&) = delete;
  std::string Take() {
    in_.written_ -= text_.size();
    counted_ = false;
    return std::move(text_);
  }

 private:
  Interpreter& in_;
  std::string* before_;
  std::string text_;
  bool counted_ = true;
};

}  // namespace berth::jinja
