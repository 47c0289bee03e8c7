// The part of the interpreter that evaluates expressions.
#include "worker/jinja/access.h"
#include "worker/jinja/compare.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/iterate.h"
#include "worker/jinja/operators.h"
#include "worker/jinja/print.h"

namespace berth::jinja {

Value Interpreter::Evaluate(const Expr& expr) {
  heap_.Step();
  line_ = expr.line;
  if (expr.kind == ExprKind::kConst) return static_cast<const ConstExpr&>(expr).value;
  if (expr.kind == ExprKind::kName) return EvaluateName(static_cast<const NameExpr&>(expr).id);
  const Nesting deeper(heap_);
  switch (expr.kind) {
    case ExprKind::kArray: return EvaluateArray(static_cast<const ArrayExpr&>(expr));
    case ExprKind::kMapping: return EvaluateMapping(static_cast<const MappingExpr&>(expr));
    case ExprKind::kUnary: return EvaluateUnary(static_cast<const UnaryExpr&>(expr));
    case ExprKind::kBinary: return EvaluateBinary(static_cast<const BinaryExpr&>(expr));
    case ExprKind::kConcat: return EvaluateConcat(static_cast<const ConcatExpr&>(expr));
    case ExprKind::kCompare: return EvaluateCompare(static_cast<const CompareExpr&>(expr));
    case ExprKind::kLogic: return EvaluateLogic(static_cast<const LogicExpr&>(expr));
    case ExprKind::kCondition: return EvaluateCondition(static_cast<const ConditionExpr&>(expr));
    case ExprKind::kFilter: return EvaluateFilter(static_cast<const FilterExpr&>(expr));
    case ExprKind::kTest: return EvaluateTest(static_cast<const FilterExpr&>(expr));
    case ExprKind::kCall: return EvaluateCall(static_cast<const CallExpr&>(expr));
    case ExprKind::kAttribute: return EvaluateAttribute(static_cast<const AttributeExpr&>(expr));
    case ExprKind::kItem: return EvaluateItem(static_cast<const ItemExpr&>(expr));
    case ExprKind::kSlice: return EvaluateSlice(static_cast<const SliceExpr&>(expr));
    case ExprKind::kConst:
    case ExprKind::kName: break;
  }
  return {};
}

Value Interpreter::EvaluateName(NameId id) {
  if (const Value* found = scope_->Find(id)) return *found;
  const auto index = static_cast<std::size_t>(id);
  if (given_[index]) return outermost_[index];
  return Undefined{ast_.shared_names[index], nullptr, nullptr};
}

Value Interpreter::EvaluateArray(const ArrayExpr& expr) {
  std::vector<Value> items;
  items.reserve(expr.items.size());
  for (const ExprPtr& item : expr.items) items.push_back(Evaluate(*item));
  return List(std::move(items), expr.tuple ? Shape::kTuple : Shape::kList);
}

Value Interpreter::EvaluateMapping(const MappingExpr& expr) {
  Mapping::Entries entries;
  entries.reserve(expr.entries.size());
  for (const auto& [key, value] : expr.entries) {
    Value made = Evaluate(*key);
    entries.emplace_back(std::move(made), Evaluate(*value));
  }
  return Dict(std::move(entries));
}

Value Interpreter::EvaluateUnary(const UnaryExpr& expr) {
  const Value operand = Evaluate(*expr.operand);
  switch (expr.op) {
    case UnaryOp::kNot: return !Truthy(operand);
    case UnaryOp::kNegate: return Negate(operand);
    case UnaryOp::kPositive: return Positive(operand);
  }
  return {};
}

Value Interpreter::EvaluateBinary(const BinaryExpr& expr) {
  const Value left = Evaluate(*expr.left);
  const Value right = Evaluate(*expr.right);
  line_ = expr.line;
  return Calculate(*this, expr.op, left, right);
}

Value Interpreter::EvaluateConcat(const ConcatExpr& expr) {
  std::string text;
  std::string storage;
  for (const ExprPtr& part : expr.parts) {
    const Value value = Evaluate(*part);
    const std::string_view piece = StrView(value, storage);
    heap_.Foresee(text.size() + piece.size());
    text += piece;
  }
  return Text(std::move(text));
}

namespace {

bool Compares(Interpreter& in, CompareOp op, const Value& a, const Value& b) {
  switch (op) {
    case CompareOp::kEqual: return Equal(a, b);
    case CompareOp::kUnequal: return !Equal(a, b);
    case CompareOp::kLess: return Less(a, b);
    case CompareOp::kLessEqual: return Less(a, b, "<=") || Equal(a, b);
    case CompareOp::kGreater: return Less(b, a, ">");
    case CompareOp::kGreaterEqual: return Less(b, a, ">=") || Equal(a, b);
    case CompareOp::kIn: return Contains(in, b, a);
    case CompareOp::kNotIn: return !Contains(in, b, a);
  }
  return false;
}

}  // namespace

Value Interpreter::EvaluateCompare(const CompareExpr& expr) {
  Value left = Evaluate(*expr.first);
  for (const auto& [op, operand] : expr.rest) {
    Value right = Evaluate(*operand);
    if (!Compares(*this, op, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Interpreter::EvaluateLogic(const LogicExpr& expr) {
  Value left = Evaluate(*expr.left);
  if (Truthy(left) != expr.is_and) return left;
  return Evaluate(*expr.right);
}

Value Interpreter::EvaluateCondition(const ConditionExpr& expr) {
  if (Truthy(Evaluate(*expr.condition))) return Evaluate(*expr.then);
  if (expr.otherwise) return Evaluate(*expr.otherwise);
  return Value::Missing("this inline condition is false, and it has no \"else\"");
}

Arguments Interpreter::EvaluateArguments(const ArgumentExprs& exprs) {
  Arguments arguments;
  arguments.positional.reserve(exprs.positional.size());
  for (const ExprPtr& value : exprs.positional) arguments.positional.push_back(Evaluate(*value));
  for (const auto& [name, value] : exprs.named) arguments.named.emplace_back(name, Evaluate(*value));
  if (exprs.more_positional) {
    for (Value& value : ToVector(*this, Evaluate(*exprs.more_positional))) {
      arguments.positional.push_back(std::move(value));
    }
  }
  if (!exprs.more_named) return arguments;
  const Value more = Evaluate(*exprs.more_named);
  if (!more.is(Kind::kMapping)) Fail("the argument after ** must be a mapping, not '" + TypeName(more) + "'");
  for (const auto& [key, value] : more.mapping().entries) {
    if (!key.is_string()) Fail("the names of arguments must be strings");
    for (const auto& [name, unused] : arguments.named) {
      if (name == key.bytes()) Fail("the argument \"" + name + "\" is given twice");
    }
    arguments.named.emplace_back(key.bytes(), value);
  }
  return arguments;
}

Value Interpreter::EvaluateFilter(const FilterExpr& expr, const Value* block_text) {
  Value operand;
  if (!expr.operand) {
    operand = *block_text;
  } else if (block_text != nullptr) {  // a chain: the innermost operand is the block's text
    operand = EvaluateFilter(static_cast<const FilterExpr&>(*expr.operand), block_text);
  } else {
    operand = Evaluate(*expr.operand);
  }
  const Arguments arguments = EvaluateArguments(expr.arguments);
  line_ = expr.line;
  return Filter(expr.name, operand, arguments);
}

Value Interpreter::EvaluateTest(const FilterExpr& expr) {
  const Value operand = Evaluate(*expr.operand);
  const Arguments arguments = EvaluateArguments(expr.arguments);
  line_ = expr.line;
  return Test(expr.name, operand, arguments);
}

Value Interpreter::EvaluateCall(const CallExpr& expr, Value caller) {
  const auto finish = [&](Arguments arguments) {
    if (!caller.is_undefined()) arguments.named.emplace_back("caller", std::move(caller));
    line_ = expr.line;
    return arguments;
  };
  if (expr.callee->kind == ExprKind::kAttribute) {  // without an object for the method
    const auto& attribute = static_cast<const AttributeExpr&>(*expr.callee);
    const Value self = Evaluate(*attribute.object);
    line_ = expr.line;
    if (const Method* method = FindMethod(self, *attribute.name)) {
      return method->call(*this, self, finish(EvaluateArguments(expr.arguments)));
    }
    const Value callee = GetAttribute(*this, self, attribute.name);
    return Call(callee, finish(EvaluateArguments(expr.arguments)));
  }
  const Value callee = Evaluate(*expr.callee);
  return Call(callee, finish(EvaluateArguments(expr.arguments)));
}

Value Interpreter::EvaluateAttribute(const AttributeExpr& expr) {
  const Value object = Evaluate(*expr.object);
  line_ = expr.line;
  return GetAttribute(*this, object, expr.name);
}

Value Interpreter::EvaluateItem(const ItemExpr& expr) {
  const Value object = Evaluate(*expr.object);
  const Value key = Evaluate(*expr.key);
  line_ = expr.line;
  return GetItem(*this, object, key);
}

Value Interpreter::EvaluateSlice(const SliceExpr& expr) {
  const Value object = Evaluate(*expr.object);
  const auto bound = [&](const ExprPtr& side) { return side ? Evaluate(*side) : Value(None{}); };
  const Value begin = bound(expr.begin);
  const Value end = bound(expr.end);
  const Value step = bound(expr.step);
  line_ = expr.line;
  return GetSlice(*this, object, begin, end, step);
}

}  // namespace berth::jinja
