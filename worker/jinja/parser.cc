#include "worker/jinja/parser.h"

#include <algorithm>
#include <initializer_list>

#include "worker/jinja/expression_parser.h"

namespace berth::jinja {
namespace {

class Parser {
 public:
  Parser(std::vector<Token> tokens, int& line) : stream_(std::move(tokens), line), expressions_(stream_, names_) {}

  Ast Run() {
    Ast ast;
    ast.body = Statements({});
    expressions_.RefuseUnknown();
    ast.names = names_.Take();
    for (const std::string& name : ast.names) ast.shared_names.push_back(std::make_shared<const std::string>(name));
    return ast;
  }

 private:
  using Ends = std::initializer_list<std::string_view>;

  bool AtEnd(Ends ends) const {
    return std::ranges::any_of(ends, [&](std::string_view end) { return stream_.IsName(end); });
  }

  // Up to a tag that is one of `ends`, which becomes the current token; up to the template's end where there are none.
  Body Statements(Ends ends) {
    if (++nesting_ > kMostNesting) Fail("tags nest deeper than " + std::to_string(kMostNesting) + " levels");
    Body body;
    while (!stream_.Is(TokenKind::kEnd)) {
      const Token& token = stream_.Take();
      if (token.kind == TokenKind::kData) {
        body.push_back(std::make_unique<TextStmt>(token.line, token.text));
      } else if (token.kind == TokenKind::kVariableBegin) {
        body.push_back(Print(token.line));
        stream_.Expect(TokenKind::kVariableEnd, "\"}}\"");
      } else {
        if (AtEnd(ends)) {
          --nesting_;
          return body;
        }
        Statement(body);
        stream_.Expect(TokenKind::kBlockEnd, "\"%}\"");
      }
    }
    if (ends.size() > 0) stream_.Refuse(("{% " + std::string(*(ends.end() - 1)) + " %}").c_str());
    --nesting_;
    return body;
  }

  // The body behind a tag's own words, up to one of `ends`, whose name is taken.
  std::string_view Block(Body& body, Ends ends) {
    stream_.SkipSign(":");
    stream_.Expect(TokenKind::kBlockEnd, "\"%}\"");
    body = Statements(ends);
    return stream_.Take().text;
  }

  // The same for a body that is a scope of its own, where conditions around it no longer excuse unknown filters.
  std::string_view Scoped(Body& body, Ends ends) {
    const bool before = std::exchange(expressions_.in_condition, false);
    const std::string_view end = Block(body, ends);
    expressions_.in_condition = before;
    return end;
  }

  StmtPtr Print(int line) {
    auto print = std::make_unique<PrintStmt>(line);
    print->value = expressions_.Tuple();
    return print;
  }

  void Statement(Body& body) {
    const Token& tag = stream_.Expect(TokenKind::kName, "the name of a tag");
    using Handler = StmtPtr (Parser::*)(int);
    struct Row {
      std::string_view name;
      Handler parse;
    };
    static constexpr Row kTags[] = {
        {"if", &Parser::If}, {"for", &Parser::For}, {"set", &Parser::Set}, {"macro", &Parser::Macro},
        {"call", &Parser::CallBlock}, {"filter", &Parser::FilterBlock}, {"with", &Parser::With},
        {"generation", &Parser::Generation}, {"break", &Parser::Break}, {"continue", &Parser::Continue},
        {"include", &Parser::OtherTemplate}, {"import", &Parser::OtherTemplate}, {"from", &Parser::OtherTemplate},
        {"extends", &Parser::OtherTemplate},
    };
    if (tag.text == "print") return Prints(body, tag.line);
    for (const Row& row : kTags) {
      if (row.name == tag.text) return body.push_back((this->*row.parse)(tag.line));
    }
    Fail("the tag {% " + tag.text.substr(0, 80) + " %} is " +
         (tag.text == "block" || tag.text == "autoescape" ? "not supported" : "unknown, or in a wrong place"));
  }

  void Prints(Body& body, int line) {
    while (!stream_.Is(TokenKind::kBlockEnd)) {
      auto print = std::make_unique<PrintStmt>(line);
      print->value = expressions_.Expression();
      body.push_back(std::move(print));
      if (!stream_.Is(TokenKind::kBlockEnd)) stream_.ExpectSign(",");
    }
  }

  StmtPtr If(int line) {
    const bool before = std::exchange(expressions_.in_condition, true);
    auto node = std::make_unique<IfStmt>(line);
    std::string_view end = "elif";
    while (end == "elif") {
      auto& [condition, body] = node->branches.emplace_back();
      condition = expressions_.Tuple(false);
      end = Block(body, {"elif", "else", "endif"});
    }
    if (end == "else") Block(node->otherwise, {"endif"});
    expressions_.in_condition = before;
    return node;
  }

  NameId Stored(const Token& token) {
    for (const char* constant : {"true", "false", "none", "True", "False", "None"}) {
      if (token.text == constant) Fail("nothing can be assigned to \"" + token.text + "\"");
    }
    if (token.text == "loop" && loops_ > 0) Fail("nothing can be assigned to \"loop\" within a loop");
    return names_.IdOf(token.text);
  }

  Target OneTarget() {
    if (++nesting_ > kMostNesting) Fail("targets nest too deep");
    Target target;
    if (stream_.SkipSign("(")) {
      target = AnyTarget(nullptr);
      stream_.ExpectSign(")");
    } else {
      target.name = Stored(stream_.Expect(TokenKind::kName, "a name to assign to"));
    }
    --nesting_;
    return target;
  }

  // "a", "a, b", "(a, b), c".
  Target AnyTarget(const char* end_name) {
    Target first = OneTarget();
    if (!stream_.IsSign(",")) return first;
    Target tuple;
    tuple.is_tuple = true;
    tuple.parts.push_back(std::move(first));
    while (stream_.SkipSign(",")) {
      const bool over = stream_.IsSign(")") || stream_.IsSign("=") || stream_.Is(TokenKind::kBlockEnd) ||
                        (end_name != nullptr && stream_.IsName(end_name));
      if (over) break;
      tuple.parts.push_back(OneTarget());
    }
    return tuple;
  }

  Target SetTarget() {
    if (!stream_.ahead().IsSign(".")) return AnyTarget(nullptr);
    Target target;
    target.name = names_.IdOf(stream_.Expect(TokenKind::kName, "a namespace").text);
    stream_.Take();
    target.attribute = stream_.Expect(TokenKind::kName, "a name").text;
    return target;
  }

  StmtPtr For(int line) {
    auto node = std::make_unique<ForStmt>(line);
    ++loops_;
    node->target = AnyTarget("in");
    --loops_;
    stream_.ExpectName("in");
    node->over = expressions_.Tuple(false, "recursive");
    const bool before = std::exchange(expressions_.in_condition, false);
    if (stream_.SkipName("if")) node->condition = expressions_.Expression();
    expressions_.in_condition = before;
    node->recursive = stream_.SkipName("recursive");
    ++loops_;
    const std::string_view end = Scoped(node->body, {"else", "endfor"});
    --loops_;
    if (end == "else") Scoped(node->otherwise, {"endfor"});
    return node;
  }

  StmtPtr Set(int line) {
    Target target = SetTarget();
    if (stream_.SkipSign("=")) {
      auto node = std::make_unique<SetStmt>(line);
      node->target = std::move(target);
      node->value = expressions_.Tuple();
      return node;
    }
    auto node = std::make_unique<SetBlockStmt>(line);
    node->target = std::move(target);
    node->filter = expressions_.FilterChain(false);
    Scoped(node->body, {"endset"});
    return node;
  }

  void Parameters(Signature& signature) {
    stream_.ExpectSign("(");
    while (!stream_.IsSign(")")) {
      const Token& name = stream_.Expect(TokenKind::kName, "the name of a parameter");
      Signature::Parameter parameter{Stored(name), name.text, nullptr};
      for (const auto& other : signature.parameters) {
        if (other.name == name.text) Fail("the parameter \"" + name.text + "\" stands there twice");
      }
      if (stream_.SkipSign("=")) {
        parameter.preset = expressions_.Expression();
      } else if (!signature.parameters.empty() && signature.parameters.back().preset) {
        Fail("a parameter without a default follows one with a default");
      }
      signature.parameters.push_back(std::move(parameter));
      if (!stream_.SkipSign(",")) break;
    }
    stream_.ExpectSign(")");
  }

  // A function's body: no loop around it can be left from within.
  void FunctionBody(Signature& signature, Ends ends) {
    const int loops = std::exchange(loops_, 0);
    expressions_.macros.emplace_back();
    Scoped(signature.body, ends);
    const auto used = expressions_.macros.back();
    expressions_.macros.pop_back();
    loops_ = loops;
    const auto own = [&](std::string_view name) {
      return std::ranges::any_of(signature.parameters, [&](const auto& one) { return one.name == name; });
    };
    signature.takes_caller = used.caller && !own("caller");
    signature.takes_varargs = used.varargs && !own("varargs");
    signature.takes_kwargs = used.kwargs && !own("kwargs");
    for (const auto& parameter : signature.parameters) {
      if (used.caller && parameter.name == "caller" && !parameter.preset) Fail("the parameter \"caller\" needs a default");
    }
  }

  StmtPtr Macro(int line) {
    auto node = std::make_unique<MacroStmt>(line);
    const Token& name = stream_.Expect(TokenKind::kName, "the name of the macro");
    node->id = Stored(name);
    node->signature.name = name.text;
    Parameters(node->signature);
    FunctionBody(node->signature, {"endmacro"});
    return node;
  }

  StmtPtr CallBlock(int line) {
    auto node = std::make_unique<CallBlockStmt>(line);
    node->signature.name = "caller";
    if (stream_.IsSign("(")) Parameters(node->signature);
    ExprPtr call = expressions_.Expression();
    if (call->kind != ExprKind::kCall) Fail("{% call %} needs a call");
    node->call.reset(static_cast<CallExpr*>(call.release()));
    FunctionBody(node->signature, {"endcall"});
    return node;
  }

  StmtPtr FilterBlock(int line) {
    auto node = std::make_unique<FilterBlockStmt>(line);
    const bool before = std::exchange(expressions_.in_condition, false);
    node->filter = expressions_.FilterChain(true);
    expressions_.in_condition = before;
    Scoped(node->body, {"endfilter"});
    return node;
  }

  StmtPtr With(int line) {
    auto node = std::make_unique<WithStmt>(line);
    while (!stream_.Is(TokenKind::kBlockEnd)) {
      if (!node->assignments.empty()) stream_.ExpectSign(",");
      Target target = OneTarget();
      stream_.ExpectSign("=");
      node->assignments.emplace_back(std::move(target), expressions_.Expression());
    }
    Scoped(node->body, {"endwith"});
    return node;
  }

  // Marks what a model said, for those who train on it; printing, it only has a scope of its own. It is a call block.
  StmtPtr Generation(int line) {
    auto node = std::make_unique<ScopeStmt>(line);
    Signature signature;
    FunctionBody(signature, {"endgeneration"});
    node->body = std::move(signature.body);
    return node;
  }

  StmtPtr Jump(StmtKind kind, const char* name, int line) {
    if (loops_ == 0) Fail(std::string("{% ") + name + " %} stands outside of a loop");
    return std::make_unique<JumpStmt>(kind, line);
  }
  StmtPtr Break(int line) { return Jump(StmtKind::kBreak, "break", line); }
  StmtPtr Continue(int line) { return Jump(StmtKind::kContinue, "continue", line); }

  StmtPtr OtherTemplate(int line) {
    while (!stream_.Is(TokenKind::kBlockEnd) && !stream_.Is(TokenKind::kEnd)) stream_.Take();
    return std::make_unique<RefusedStmt>(line, "a chat template cannot use other templates (include, import, extends)");
  }

  Names names_;
  TokenStream stream_;
  ExpressionParser expressions_;
  int nesting_ = 0;
  int loops_ = 0;  // how many loops {% break %} could leave here
};

}  // namespace

Ast Parse(std::string_view source, int& line) { return Parser(Tokenize(source, line), line).Run(); }

}  // namespace berth::jinja
