#include "worker/jinja/analysis.h"

#include <map>
#include <set>

#include "worker/jinja/walk.h"

namespace berth::jinja {
namespace {

// Which names may hold what stands in the attribute. Names count everywhere alike, whatever their scope: a name too many
// costs little, one too few would hide a loop.
class Tracker {
 public:
  Tracker(const Ast& ast, std::string_view attribute) : ast_(ast), attribute_(attribute) {
    Walk(ast.body, {.stmt = [this](const Stmt& stmt) {
      if (stmt.kind != StmtKind::kMacro) return;
      const auto& macro = static_cast<const MacroStmt&>(stmt);
      macros_[macro.id] = &macro.signature;
    }});
    for (std::size_t before = names_.size() + 1; before != names_.size();) {  // until nothing is learned any more
      before = names_.size();
      Walk(ast.body, {.stmt = [this](const Stmt& stmt) { Learn(stmt); }, .expr = [this](const Expr& expr) { LearnCall(expr); }});
    }
  }

  bool Loops() const {
    bool found = false;
    Walk(ast_.body, {.stmt = [&](const Stmt& stmt) {
      if (stmt.kind == StmtKind::kFor) found |= Holds(static_cast<const ForStmt&>(stmt).over.get());
    }});
    return found;
  }

 private:
  bool Holds(const Expr* expr) const {
    if (expr == nullptr) return false;
    switch (expr->kind) {
      case ExprKind::kName: return names_.contains(static_cast<const NameExpr*>(expr)->id);
      case ExprKind::kAttribute: return *static_cast<const AttributeExpr*>(expr)->name == attribute_;
      case ExprKind::kItem: {
        const Expr& key = *static_cast<const ItemExpr*>(expr)->key;
        if (key.kind != ExprKind::kConst) return false;
        const Value& value = static_cast<const ConstExpr&>(key).value;
        return value.is_string() && value.bytes() == attribute_;
      }
      case ExprKind::kFilter: return Holds(static_cast<const FilterExpr*>(expr)->operand.get());
      case ExprKind::kSlice: return Holds(static_cast<const SliceExpr*>(expr)->object.get());
      case ExprKind::kCondition: {
        const auto* condition = static_cast<const ConditionExpr*>(expr);
        return Holds(condition->then.get()) || Holds(condition->otherwise.get());
      }
      case ExprKind::kLogic: {
        const auto* logic = static_cast<const LogicExpr*>(expr);
        return Holds(logic->left.get()) || Holds(logic->right.get());
      }
      default: return false;
    }
  }

  void Learn(const Stmt& stmt) {
    if (stmt.kind == StmtKind::kSet) {
      const auto& set = static_cast<const SetStmt&>(stmt);
      if (set.target.attribute.empty() && Holds(set.value.get())) names_.insert(set.target.name);
    } else if (stmt.kind == StmtKind::kWith) {
      for (const auto& [target, value] : static_cast<const WithStmt&>(stmt).assignments) {
        if (Holds(value.get())) names_.insert(target.name);
      }
    }
  }

  void LearnCall(const Expr& expr) {
    if (expr.kind != ExprKind::kCall) return;
    const auto& call = static_cast<const CallExpr&>(expr);
    if (call.callee->kind != ExprKind::kName) return;
    const auto macro = macros_.find(static_cast<const NameExpr&>(*call.callee).id);
    if (macro == macros_.end()) return;
    const auto& parameters = macro->second->parameters;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (i < call.arguments.positional.size() && Holds(call.arguments.positional[i].get())) names_.insert(parameters[i].id);
      for (const auto& [name, value] : call.arguments.named) {
        if (name == parameters[i].name && Holds(value.get())) names_.insert(parameters[i].id);
      }
    }
  }

  const Ast& ast_;
  std::string_view attribute_;
  std::map<NameId, const Signature*> macros_;
  std::set<NameId> names_;
};

}  // namespace

bool LoopsOver(const Ast& ast, std::string_view attribute) { return Tracker(ast, attribute).Loops(); }

bool SpeaksOf(const Ast& ast, std::string_view text) {
  bool found = false;
  Walk(ast.body, {.expr = [&](const Expr& expr) {
    if (expr.kind != ExprKind::kConst) return;
    const Value& value = static_cast<const ConstExpr&>(expr).value;
    found |= value.is_string() && value.bytes().find(text) != std::string::npos;
  }});
  return found;
}

}  // namespace berth::jinja
