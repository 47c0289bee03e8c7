#include "worker/jinja/walk.h"

namespace berth::jinja {
namespace {

void WalkIf(const ExprPtr& expr, const Visitor& visitor) {
  if (expr) Walk(*expr, visitor);
}

void WalkArguments(const ArgumentExprs& arguments, const Visitor& visitor) {
  for (const ExprPtr& value : arguments.positional) Walk(*value, visitor);
  for (const auto& [name, value] : arguments.named) Walk(*value, visitor);
  WalkIf(arguments.more_positional, visitor);
  WalkIf(arguments.more_named, visitor);
}

void WalkSignature(const Signature& signature, const Visitor& visitor) {
  for (const auto& parameter : signature.parameters) WalkIf(parameter.preset, visitor);
  Walk(signature.body, visitor);
}

template <class Node, class... Children>
void WalkAll(const Visitor& visitor, const Node& node, Children... children) {
  (WalkIf(node.*children, visitor), ...);
}

void WalkChildren(const Stmt& stmt, const Visitor& visitor) {
  switch (stmt.kind) {
    case StmtKind::kPrint: return WalkIf(static_cast<const PrintStmt&>(stmt).value, visitor);
    case StmtKind::kSet: return WalkIf(static_cast<const SetStmt&>(stmt).value, visitor);
    case StmtKind::kScope: return Walk(static_cast<const ScopeStmt&>(stmt).body, visitor);
    case StmtKind::kMacro: return WalkSignature(static_cast<const MacroStmt&>(stmt).signature, visitor);
    case StmtKind::kIf: {
      const auto& node = static_cast<const IfStmt&>(stmt);
      for (const auto& [condition, body] : node.branches) {
        Walk(*condition, visitor);
        Walk(body, visitor);
      }
      return Walk(node.otherwise, visitor);
    }
    case StmtKind::kFor: {
      const auto& node = static_cast<const ForStmt&>(stmt);
      WalkAll(visitor, node, &ForStmt::over, &ForStmt::condition);
      Walk(node.body, visitor);
      return Walk(node.otherwise, visitor);
    }
    case StmtKind::kSetBlock:
      WalkIf(static_cast<const SetBlockStmt&>(stmt).filter, visitor);
      return Walk(static_cast<const SetBlockStmt&>(stmt).body, visitor);
    case StmtKind::kFilterBlock:
      WalkIf(static_cast<const FilterBlockStmt&>(stmt).filter, visitor);
      return Walk(static_cast<const FilterBlockStmt&>(stmt).body, visitor);
    case StmtKind::kCallBlock:
      Walk(*static_cast<const CallBlockStmt&>(stmt).call, visitor);
      return WalkSignature(static_cast<const CallBlockStmt&>(stmt).signature, visitor);
    case StmtKind::kWith: {
      const auto& node = static_cast<const WithStmt&>(stmt);
      for (const auto& [target, value] : node.assignments) Walk(*value, visitor);
      return Walk(node.body, visitor);
    }
    default: return;
  }
}

}  // namespace

void Walk(const Body& body, const Visitor& visitor) {
  for (const StmtPtr& stmt : body) {
    visitor.stmt(*stmt);
    WalkChildren(*stmt, visitor);
  }
}

void Walk(const Expr& expr, const Visitor& visitor) {
  visitor.expr(expr);
  switch (expr.kind) {
    case ExprKind::kArray:
      for (const ExprPtr& item : static_cast<const ArrayExpr&>(expr).items) Walk(*item, visitor);
      return;
    case ExprKind::kMapping:
      for (const auto& [key, value] : static_cast<const MappingExpr&>(expr).entries) {
        Walk(*key, visitor);
        Walk(*value, visitor);
      }
      return;
    case ExprKind::kConcat:
      for (const ExprPtr& part : static_cast<const ConcatExpr&>(expr).parts) Walk(*part, visitor);
      return;
    case ExprKind::kCompare:
      WalkIf(static_cast<const CompareExpr&>(expr).first, visitor);
      for (const auto& [op, operand] : static_cast<const CompareExpr&>(expr).rest) Walk(*operand, visitor);
      return;
    case ExprKind::kUnary: return WalkIf(static_cast<const UnaryExpr&>(expr).operand, visitor);
    case ExprKind::kBinary: return WalkAll(visitor, static_cast<const BinaryExpr&>(expr), &BinaryExpr::left, &BinaryExpr::right);
    case ExprKind::kLogic: return WalkAll(visitor, static_cast<const LogicExpr&>(expr), &LogicExpr::left, &LogicExpr::right);
    case ExprKind::kCondition:
      return WalkAll(visitor, static_cast<const ConditionExpr&>(expr), &ConditionExpr::condition, &ConditionExpr::then, &ConditionExpr::otherwise);
    case ExprKind::kFilter:
    case ExprKind::kTest:
      WalkIf(static_cast<const FilterExpr&>(expr).operand, visitor);
      return WalkArguments(static_cast<const FilterExpr&>(expr).arguments, visitor);
    case ExprKind::kCall:
      WalkIf(static_cast<const CallExpr&>(expr).callee, visitor);
      return WalkArguments(static_cast<const CallExpr&>(expr).arguments, visitor);
    case ExprKind::kAttribute: return WalkIf(static_cast<const AttributeExpr&>(expr).object, visitor);
    case ExprKind::kItem: return WalkAll(visitor, static_cast<const ItemExpr&>(expr), &ItemExpr::object, &ItemExpr::key);
    case ExprKind::kSlice:
      return WalkAll(visitor, static_cast<const SliceExpr&>(expr), &SliceExpr::object, &SliceExpr::begin, &SliceExpr::end, &SliceExpr::step);
    case ExprKind::kConst:
    case ExprKind::kName: return;
  }
}

}  // namespace berth::jinja
