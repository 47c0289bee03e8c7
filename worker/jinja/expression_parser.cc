#include "worker/jinja/expression_parser.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "worker/jinja/filters.h"
#include "worker/jinja/parser.h"
#include "worker/jinja/value_tests.h"

namespace berth::jinja {
namespace {

template <class Op>
struct Sign {
  std::string_view text;
  Op op;
};
constexpr std::array kCompareSigns = {
    Sign<CompareOp>{"==", CompareOp::kEqual},     Sign<CompareOp>{"!=", CompareOp::kUnequal},
    Sign<CompareOp>{"<", CompareOp::kLess},       Sign<CompareOp>{"<=", CompareOp::kLessEqual},
    Sign<CompareOp>{">", CompareOp::kGreater},    Sign<CompareOp>{">=", CompareOp::kGreaterEqual}};
constexpr std::array kSumSigns = {Sign<BinaryOp>{"+", BinaryOp::kAdd}, Sign<BinaryOp>{"-", BinaryOp::kSub}};
constexpr std::array kProductSigns = {Sign<BinaryOp>{"*", BinaryOp::kMul}, Sign<BinaryOp>{"/", BinaryOp::kDiv},
                                      Sign<BinaryOp>{"//", BinaryOp::kFloorDiv}, Sign<BinaryOp>{"%", BinaryOp::kMod}};

template <class Signs>
auto FindSign(const Signs& signs, const Token& token) {
  return std::ranges::find_if(signs, [&](const auto& sign) { return token.IsSign(sign.text); });
}

// Gives a node its depth, and refuses trees that are too deep to walk.
ExprPtr Grown(ExprPtr node, int children_depth) {
  node->depth = children_depth + 1;
  if (node->depth > kMostTreeDepth) {
    Fail("this expression nests deeper than " + std::to_string(kMostTreeDepth) + " levels");
  }
  return node;
}

int DepthOf(const ExprPtr& expr) { return expr ? expr->depth : 0; }

}  // namespace

class ExpressionParser::Level {
 public:
  explicit Level(int& nesting) : nesting_(nesting) {
    if (++nesting_ > kMostNesting) Fail("brackets nest deeper than " + std::to_string(kMostNesting) + " levels");
  }
  ~Level() { --nesting_; }

 private:
  int& nesting_;
};

bool ExpressionParser::AtTupleEnd(const char* end_name) const {
  return stream_.Is(TokenKind::kVariableEnd) || stream_.Is(TokenKind::kBlockEnd) || stream_.IsSign(")") ||
         (end_name != nullptr && stream_.IsName(end_name));
}

ExprPtr ExpressionParser::Tuple(bool with_condition, const char* end_name) {
  const int line = stream_.current().line;
  std::vector<ExprPtr> items;
  bool tuple = false;
  while (!AtTupleEnd(end_name)) {
    items.push_back(Expression(with_condition));
    if (!stream_.SkipSign(",")) break;
    tuple = true;
  }
  if (items.empty()) stream_.Refuse("an expression");
  if (!tuple) return std::move(items.front());
  auto array = std::make_unique<ArrayExpr>(line, true);
  int depth = 0;
  for (const ExprPtr& item : items) depth = std::max(depth, item->depth);
  array->items = std::move(items);
  return Grown(std::move(array), depth);
}

ExprPtr ExpressionParser::Expression(bool with_condition) {
  const Level level(nesting_);
  return with_condition ? Condition() : Or();
}

ExprPtr ExpressionParser::Condition() {
  const std::size_t unknown_before = unknown_.size();
  ExprPtr expr = Or();
  while (stream_.IsName("if")) {
    auto node = std::make_unique<ConditionExpr>(stream_.Take().line);
    node->then = std::move(expr);
    node->condition = Or();
    if (stream_.SkipName("else")) {
      const Level level(nesting_);
      node->otherwise = Condition();
    }
    const int depth = std::max({node->then->depth, node->condition->depth, DepthOf(node->otherwise)});
    expr = Grown(std::move(node), depth);
    unknown_.resize(unknown_before);
  }
  return expr;
}

template <class T>
ExprPtr ExpressionParser::Binary(std::unique_ptr<T> node, ExprPtr left, ExprPtr right) {
  const int depth = std::max(left->depth, right->depth);
  node->left = std::move(left);
  node->right = std::move(right);
  return Grown(std::move(node), depth);
}

ExprPtr ExpressionParser::Or() {
  ExprPtr left = And();
  while (stream_.IsName("or")) {
    auto node = std::make_unique<LogicExpr>(stream_.Take().line, false);
    left = Binary(std::move(node), std::move(left), And());
  }
  return left;
}

ExprPtr ExpressionParser::And() {
  ExprPtr left = Not();
  while (stream_.IsName("and")) {
    auto node = std::make_unique<LogicExpr>(stream_.Take().line, true);
    left = Binary(std::move(node), std::move(left), Not());
  }
  return left;
}

ExprPtr ExpressionParser::Not() {
  if (!stream_.IsName("not")) return Compare();
  const Level level(nesting_);
  auto node = std::make_unique<UnaryExpr>(stream_.Take().line, UnaryOp::kNot);
  node->operand = Not();
  const int depth = node->operand->depth;
  return Grown(std::move(node), depth);
}

ExprPtr ExpressionParser::Compare() {
  ExprPtr first = Sum();
  auto node = std::make_unique<CompareExpr>(stream_.current().line);
  int depth = first->depth;
  while (true) {
    CompareOp op;
    if (const auto* sign = FindSign(kCompareSigns, stream_.current()); sign != kCompareSigns.end()) {
      stream_.Take();
      op = sign->op;
    } else if (stream_.SkipName("in")) {
      op = CompareOp::kIn;
    } else if (stream_.IsName("not") && stream_.ahead().IsName("in")) {
      stream_.Take();
      stream_.Take();
      op = CompareOp::kNotIn;
    } else {
      break;
    }
    node->rest.emplace_back(op, Sum());
    depth = std::max(depth, node->rest.back().second->depth);
  }
  if (node->rest.empty()) return first;
  node->first = std::move(first);
  return Grown(std::move(node), depth);
}

ExprPtr ExpressionParser::Sum() {
  ExprPtr left = Concat();
  for (auto* sign = FindSign(kSumSigns, stream_.current()); sign != kSumSigns.end();
       sign = FindSign(kSumSigns, stream_.current())) {
    auto node = std::make_unique<BinaryExpr>(stream_.Take().line, sign->op);
    left = Binary(std::move(node), std::move(left), Concat());
  }
  return left;
}

ExprPtr ExpressionParser::Concat() {
  ExprPtr first = Product();
  if (!stream_.IsSign("~")) return first;
  auto node = std::make_unique<ConcatExpr>(stream_.current().line);
  int depth = first->depth;
  node->parts.push_back(std::move(first));
  while (stream_.SkipSign("~")) {
    node->parts.push_back(Product());
    depth = std::max(depth, node->parts.back()->depth);
  }
  return Grown(std::move(node), depth);
}

ExprPtr ExpressionParser::Product() {
  ExprPtr left = Power();
  for (auto* sign = FindSign(kProductSigns, stream_.current()); sign != kProductSigns.end();
       sign = FindSign(kProductSigns, stream_.current())) {
    auto node = std::make_unique<BinaryExpr>(stream_.Take().line, sign->op);
    left = Binary(std::move(node), std::move(left), Power());
  }
  return left;
}

ExprPtr ExpressionParser::Power() {
  ExprPtr left = Unary();
  while (stream_.IsSign("**")) {
    auto node = std::make_unique<BinaryExpr>(stream_.Take().line, BinaryOp::kPow);
    left = Binary(std::move(node), std::move(left), Unary());
  }
  return left;
}

ExprPtr ExpressionParser::Unary(bool with_filter) {
  ExprPtr expr;
  if (stream_.IsSign("-") || stream_.IsSign("+")) {
    const Level level(nesting_);
    const UnaryOp op = stream_.IsSign("-") ? UnaryOp::kNegate : UnaryOp::kPositive;
    auto node = std::make_unique<UnaryExpr>(stream_.Take().line, op);
    node->operand = Unary(false);
    const int depth = node->operand->depth;
    expr = Grown(std::move(node), depth);
  } else {
    expr = Primary();
  }
  expr = Postfix(std::move(expr));
  return with_filter ? Filters(std::move(expr)) : std::move(expr);
}

ExprPtr ExpressionParser::Primary() {
  const Token& token = stream_.current();
  switch (token.kind) {
    case TokenKind::kName: return Name();
    case TokenKind::kString: return StringLiteral();
    case TokenKind::kInteger: stream_.Take(); return std::make_unique<ConstExpr>(token.line, token.integer);
    case TokenKind::kFloat: stream_.Take(); return std::make_unique<ConstExpr>(token.line, token.number);
    default: break;
  }
  if (token.IsSign("(")) return Parenthesised();
  if (token.IsSign("[")) return List();
  if (token.IsSign("{")) return Mapping();
  stream_.Refuse("an expression");
}

ExprPtr ExpressionParser::Name() {
  const Token& token = stream_.Take();
  if (token.text == "true" || token.text == "True") return std::make_unique<ConstExpr>(token.line, true);
  if (token.text == "false" || token.text == "False") return std::make_unique<ConstExpr>(token.line, false);
  if (token.text == "none" || token.text == "None") return std::make_unique<ConstExpr>(token.line, None{});
  for (SpecialNames& macro : macros) {
    macro.caller |= token.text == "caller";
    macro.varargs |= token.text == "varargs";
    macro.kwargs |= token.text == "kwargs";
  }
  return std::make_unique<NameExpr>(token.line, names_.IdOf(token.text));
}

ExprPtr ExpressionParser::StringLiteral() {
  const int line = stream_.current().line;
  std::string text;
  while (stream_.Is(TokenKind::kString)) text += stream_.Take().text;
  return std::make_unique<ConstExpr>(line, MakeText(nullptr, std::move(text)));
}

ExprPtr ExpressionParser::Parenthesised() {
  const int line = stream_.Take().line;
  ExprPtr expr;
  if (stream_.IsSign(")")) {
    expr = std::make_unique<ArrayExpr>(line, true);
  } else {
    const Level level(nesting_);
    expr = Tuple();
  }
  stream_.ExpectSign(")");
  return expr;
}

ExprPtr ExpressionParser::List() {
  auto list = std::make_unique<ArrayExpr>(stream_.Take().line, false);
  int depth = 0;
  while (!stream_.IsSign("]")) {
    list->items.push_back(Expression());
    depth = std::max(depth, list->items.back()->depth);
    if (!stream_.SkipSign(",")) break;
  }
  stream_.ExpectSign("]");
  return Grown(std::move(list), depth);
}

ExprPtr ExpressionParser::Mapping() {
  auto mapping = std::make_unique<MappingExpr>(stream_.Take().line);
  int depth = 0;
  while (!stream_.IsSign("}")) {
    ExprPtr key = Expression();
    stream_.ExpectSign(":");
    ExprPtr value = Expression();
    depth = std::max({depth, key->depth, value->depth});
    mapping->entries.emplace_back(std::move(key), std::move(value));
    if (!stream_.SkipSign(",")) break;
  }
  stream_.ExpectSign("}");
  return Grown(std::move(mapping), depth);
}

ExprPtr ExpressionParser::Postfix(ExprPtr expr) {
  while (true) {
    if (stream_.IsSign(".") || stream_.IsSign("[")) {
      expr = Subscript(std::move(expr));
    } else if (stream_.IsSign("(")) {
      expr = Call(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr ExpressionParser::Filters(ExprPtr expr) {
  while (true) {
    if (stream_.SkipSign("|")) {
      expr = Filter(std::move(expr));
    } else if (stream_.IsName("is")) {
      expr = Test(std::move(expr));
    } else if (stream_.IsSign("(")) {
      expr = Call(std::move(expr));
    } else {
      return expr;
    }
  }
}

ExprPtr ExpressionParser::Item(ExprPtr object, ExprPtr key, int line) {
  auto node = std::make_unique<ItemExpr>(line);
  const int depth = std::max(object->depth, key->depth);
  node->object = std::move(object);
  node->key = std::move(key);
  return Grown(std::move(node), depth);
}

ExprPtr ExpressionParser::Subscript(ExprPtr object) {
  const int line = stream_.current().line;
  if (!stream_.SkipSign(".")) return Bracketed(std::move(object));
  const Token& token = stream_.current();
  if (token.kind == TokenKind::kInteger) {
    stream_.Take();
    return Item(std::move(object), std::make_unique<ConstExpr>(line, token.integer), line);
  }
  auto node = std::make_unique<AttributeExpr>(line, stream_.Expect(TokenKind::kName, "a name or number").text);
  const int depth = object->depth;
  node->object = std::move(object);
  return Grown(std::move(node), depth);
}

// "[key]", or "[begin:end:step]" with any of these left out.
ExprPtr ExpressionParser::Bracketed(ExprPtr object) {
  const int line = stream_.Take().line;
  if (stream_.IsSign("]")) {
    stream_.Take();
    return Item(std::move(object), std::make_unique<ArrayExpr>(line, true), line);
  }
  ExprPtr begin = stream_.IsSign(":") ? nullptr : Expression();
  if (!stream_.SkipSign(":")) {
    if (stream_.IsSign(",")) Fail("several keys in one pair of brackets are not supported");
    stream_.ExpectSign("]");
    return Item(std::move(object), std::move(begin), line);
  }
  auto node = std::make_unique<SliceExpr>(line);
  node->begin = std::move(begin);
  if (!stream_.IsSign(":") && !stream_.IsSign("]")) node->end = Expression();
  if (stream_.SkipSign(":") && !stream_.IsSign("]")) node->step = Expression();
  stream_.ExpectSign("]");
  node->object = std::move(object);
  const int depth =
      std::max({node->object->depth, DepthOf(node->begin), DepthOf(node->end), DepthOf(node->step)});
  return Grown(std::move(node), depth);
}

void ExpressionParser::Arguments(ArgumentExprs& arguments, int& depth) {
  stream_.ExpectSign("(");
  const auto add = [&](ExprPtr expr) {
    depth = std::max(depth, expr->depth);
    return expr;
  };
  const auto ensure = [&](bool ordered) {
    if (!ordered) Fail("arguments are in a wrong order: values come first, then name=value, then *list, then **mapping");
  };
  while (!stream_.IsSign(")")) {
    if (stream_.SkipSign("*")) {
      ensure(!arguments.more_positional && !arguments.more_named);
      arguments.more_positional = add(Expression());
    } else if (stream_.SkipSign("**")) {
      ensure(!arguments.more_named);
      arguments.more_named = add(Expression());
    } else if (stream_.Is(TokenKind::kName) && stream_.ahead().IsSign("=")) {
      ensure(!arguments.more_named);
      const std::string name = stream_.Take().text;
      stream_.Take();
      const bool twice = std::ranges::any_of(arguments.named, [&](const auto& one) { return one.first == name; });
      if (twice) Fail("the argument \"" + name + "\" is given twice");
      arguments.named.emplace_back(name, add(Expression()));
    } else {
      ensure(!arguments.more_positional && !arguments.more_named && arguments.named.empty());
      arguments.positional.push_back(add(Expression()));
    }
    if (!stream_.SkipSign(",")) break;
  }
  stream_.ExpectSign(")");
}

ExprPtr ExpressionParser::Call(ExprPtr callee) {
  auto node = std::make_unique<CallExpr>(stream_.current().line);
  int depth = callee->depth;
  Arguments(node->arguments, depth);
  node->callee = std::move(callee);
  return Grown(std::move(node), depth);
}

std::string ExpressionParser::DottedName() {
  std::string name = stream_.Expect(TokenKind::kName, "a name").text;
  while (stream_.SkipSign(".")) name += "." + stream_.Expect(TokenKind::kName, "a name").text;
  return name;
}

void ExpressionParser::NoteUnknown(const std::string& name, bool test, int line) {
  if (in_condition || (test ? FindTest(name) != nullptr : FindFilter(name) != nullptr)) return;
  unknown_.emplace_back(std::string("there is no ") + (test ? "test" : "filter") + " \"" + name + "\"", line);
}

void ExpressionParser::RefuseUnknown() const {
  if (unknown_.empty()) return;
  stream_.SetLine(unknown_.front().second);
  Fail(unknown_.front().first);
}

ExprPtr ExpressionParser::Filter(ExprPtr operand) {
  const int line = stream_.current().line;
  auto node = std::make_unique<FilterExpr>(line, false, DottedName());
  NoteUnknown(node->name, false, line);
  int depth = DepthOf(operand);
  if (stream_.IsSign("(")) Arguments(node->arguments, depth);
  node->operand = std::move(operand);
  return Grown(std::move(node), depth);
}

ExprPtr ExpressionParser::FilterChain(bool begun) {
  ExprPtr chain;
  if (begun) chain = Filter(nullptr);
  while (stream_.SkipSign("|")) chain = Filter(std::move(chain));
  return chain;
}

ExprPtr ExpressionParser::Test(ExprPtr operand) {
  const int line = stream_.Take().line;
  const bool negated = stream_.SkipName("not");
  auto node = std::make_unique<FilterExpr>(line, true, DottedName());
  NoteUnknown(node->name, true, line);
  int depth = operand->depth;
  const Token& next = stream_.current();
  const bool value = next.kind == TokenKind::kName || next.kind == TokenKind::kString ||
                     next.kind == TokenKind::kInteger || next.kind == TokenKind::kFloat || next.IsSign("[") ||
                     next.IsSign("{");
  if (next.IsSign("(")) {
    Arguments(node->arguments, depth);
  } else if (value && !next.IsName("else") && !next.IsName("or") && !next.IsName("and")) {
    if (next.IsName("is")) Fail("tests cannot be chained with \"is\"");
    node->arguments.positional.push_back(Postfix(Primary()));
    depth = std::max(depth, node->arguments.positional.front()->depth);
  }
  node->operand = std::move(operand);
  ExprPtr test = Grown(std::move(node), depth);
  if (!negated) return test;
  auto inverse = std::make_unique<UnaryExpr>(line, UnaryOp::kNot);
  inverse->operand = std::move(test);
  return Grown(std::move(inverse), depth + 1);
}

}  // namespace berth::jinja
