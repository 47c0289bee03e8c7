// A parsed template. Immutable: rendered by any number of threads at once. Names are numbered, so that scopes compare
// integers. How deep it nests is bounded by the parser, so that walking through it never runs out of stack.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "worker/jinja/operators.h"
#include "worker/jinja/value.h"

namespace berth::jinja {

using NameId = int;
inline constexpr NameId kLoopName = 0, kCallerName = 1, kVarargsName = 2, kKwargsName = 3;
inline constexpr const char* kSpecialNames[] = {"loop", "caller", "varargs", "kwargs"};

enum class ExprKind {
  kConst, kName, kArray, kMapping, kUnary, kBinary, kConcat, kCompare, kLogic, kCondition, kFilter, kTest, kCall,
  kAttribute, kItem, kSlice,
};

struct Expr {
  Expr(ExprKind expr_kind, int at_line) : kind(expr_kind), line(at_line) {}
  virtual ~Expr() = default;

  const ExprKind kind;
  const int line;
  int depth = 1;  // of the tree below, itself included
};
using ExprPtr = std::unique_ptr<Expr>;

struct ConstExpr final : Expr {
  ConstExpr(int at_line, Value constant) : Expr(ExprKind::kConst, at_line), value(std::move(constant)) {}
  Value value;
};

struct NameExpr final : Expr {
  NameExpr(int at_line, NameId name) : Expr(ExprKind::kName, at_line), id(name) {}
  NameId id;
};

struct ArrayExpr final : Expr {
  ArrayExpr(int at_line, bool is_tuple) : Expr(ExprKind::kArray, at_line), tuple(is_tuple) {}
  bool tuple;
  std::vector<ExprPtr> items;
};

struct MappingExpr final : Expr {
  explicit MappingExpr(int at_line) : Expr(ExprKind::kMapping, at_line) {}
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};

enum class UnaryOp { kNot, kNegate, kPositive };
struct UnaryExpr final : Expr {
  UnaryExpr(int at_line, UnaryOp which) : Expr(ExprKind::kUnary, at_line), op(which) {}
  UnaryOp op;
  ExprPtr operand;
};

struct BinaryExpr final : Expr {
  BinaryExpr(int at_line, BinaryOp which) : Expr(ExprKind::kBinary, at_line), op(which) {}
  BinaryOp op;
  ExprPtr left, right;
};

struct ConcatExpr final : Expr {
  explicit ConcatExpr(int at_line) : Expr(ExprKind::kConcat, at_line) {}
  std::vector<ExprPtr> parts;
};

enum class CompareOp { kEqual, kUnequal, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };
struct CompareExpr final : Expr {
  explicit CompareExpr(int at_line) : Expr(ExprKind::kCompare, at_line) {}
  ExprPtr first;
  std::vector<std::pair<CompareOp, ExprPtr>> rest;  // a < b < c
};

struct LogicExpr final : Expr {
  LogicExpr(int at_line, bool conjunction) : Expr(ExprKind::kLogic, at_line), is_and(conjunction) {}
  bool is_and;
  ExprPtr left, right;
};

struct ConditionExpr final : Expr {
  explicit ConditionExpr(int at_line) : Expr(ExprKind::kCondition, at_line) {}
  ExprPtr condition, then, otherwise;  // `otherwise` may be null
};

struct ArgumentExprs {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr more_positional, more_named;  // *args, **kwargs
};

// A filter, or a test; `operand` of a filter block's filter is null: the block's text.
struct FilterExpr final : Expr {
  FilterExpr(int at_line, bool is_test, std::string called)
      : Expr(is_test ? ExprKind::kTest : ExprKind::kFilter, at_line), name(std::move(called)) {}
  std::string name;
  ExprPtr operand;
  ArgumentExprs arguments;
};

struct CallExpr final : Expr {
  explicit CallExpr(int at_line) : Expr(ExprKind::kCall, at_line) {}
  ExprPtr callee;
  ArgumentExprs arguments;
};

struct AttributeExpr final : Expr {
  AttributeExpr(int at_line, std::string attribute) : Expr(ExprKind::kAttribute, at_line), name(std::make_shared<const std::string>(std::move(attribute))) {}
  ExprPtr object;
  std::shared_ptr<const std::string> name;
};

struct ItemExpr final : Expr {
  explicit ItemExpr(int at_line) : Expr(ExprKind::kItem, at_line) {}
  ExprPtr object, key;
};

struct SliceExpr final : Expr {
  explicit SliceExpr(int at_line) : Expr(ExprKind::kSlice, at_line) {}
  ExprPtr object, begin, end, step;  // any of the last three may be null
};

enum class StmtKind {
  kText, kPrint, kIf, kFor, kSet, kSetBlock, kMacro, kCallBlock, kFilterBlock, kWith, kScope, kBreak, kContinue, kRefused,
};

struct Stmt {
  Stmt(StmtKind stmt_kind, int at_line) : kind(stmt_kind), line(at_line) {}
  virtual ~Stmt() = default;

  const StmtKind kind;
  const int line;
};
using StmtPtr = std::unique_ptr<Stmt>;
using Body = std::vector<StmtPtr>;

struct TextStmt final : Stmt {
  TextStmt(int at_line, std::string data) : Stmt(StmtKind::kText, at_line), text(std::move(data)) {}
  std::string text;
};

struct PrintStmt final : Stmt {
  explicit PrintStmt(int at_line) : Stmt(StmtKind::kPrint, at_line) {}
  ExprPtr value;
};

struct IfStmt final : Stmt {
  explicit IfStmt(int at_line) : Stmt(StmtKind::kIf, at_line) {}
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};

// Where values go: a name, a namespace's attribute, or several of these.
struct Target {
  NameId name = -1;
  std::string attribute;      // of the namespace `name`, unless empty
  std::vector<Target> parts;  // unless empty: a tuple
  bool is_tuple = false;
};

struct ForStmt final : Stmt {
  explicit ForStmt(int at_line) : Stmt(StmtKind::kFor, at_line) {}
  Target target;
  ExprPtr over, condition;  // `condition` may be null
  bool recursive = false;
  Body body, otherwise;
};

struct SetStmt final : Stmt {
  explicit SetStmt(int at_line) : Stmt(StmtKind::kSet, at_line) {}
  Target target;
  ExprPtr value;
};

struct SetBlockStmt final : Stmt {
  explicit SetBlockStmt(int at_line) : Stmt(StmtKind::kSetBlock, at_line) {}
  Target target;
  ExprPtr filter;  // may be null
  Body body;
};

// What macros and call blocks have in common.
struct Signature {
  struct Parameter {
    NameId id;
    std::string name;
    ExprPtr preset;  // may be null
  };
  std::string name;  // of a macro
  std::vector<Parameter> parameters;
  bool takes_caller = false;  // the body speaks of `caller`, of `varargs`, of `kwargs`
  bool takes_varargs = false;
  bool takes_kwargs = false;
  Body body;
};

struct MacroStmt final : Stmt {
  explicit MacroStmt(int at_line) : Stmt(StmtKind::kMacro, at_line) {}
  NameId id = -1;
  Signature signature;
};

struct CallBlockStmt final : Stmt {
  explicit CallBlockStmt(int at_line) : Stmt(StmtKind::kCallBlock, at_line) {}
  Signature signature;
  std::unique_ptr<CallExpr> call;
};

struct FilterBlockStmt final : Stmt {
  explicit FilterBlockStmt(int at_line) : Stmt(StmtKind::kFilterBlock, at_line) {}
  ExprPtr filter;
  Body body;
};

struct WithStmt final : Stmt {
  explicit WithStmt(int at_line) : Stmt(StmtKind::kWith, at_line) {}
  std::vector<std::pair<Target, ExprPtr>> assignments;
  Body body;
};

// A scope of its own and nothing else: {% generation %}.
struct ScopeStmt final : Stmt {
  explicit ScopeStmt(int at_line) : Stmt(StmtKind::kScope, at_line) {}
  Body body;
};

struct JumpStmt final : Stmt {
  JumpStmt(StmtKind which, int at_line) : Stmt(which, at_line) {}
};

// What needs other templates: an error when it is reached.
struct RefusedStmt final : Stmt {
  RefusedStmt(int at_line, std::string what) : Stmt(StmtKind::kRefused, at_line), why(std::move(what)) {}
  std::string why;
};

struct Ast {
  Body body;
  std::vector<std::string> names;  // by NameId
  std::vector<std::shared_ptr<const std::string>> shared_names;
};

}  // namespace berth::jinja
