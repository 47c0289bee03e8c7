// The tokens of a template, read one after another by the parser; and the names it has met.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "worker/jinja/ast.h"
#include "worker/jinja/lexer.h"

namespace berth::jinja {

class TokenStream {
 public:
  TokenStream(std::vector<Token> tokens, int& line) : tokens_(std::move(tokens)), line_(line) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  bool Is(TokenKind kind) const { return current().kind == kind; }
  bool IsSign(std::string_view sign) const { return current().IsSign(sign); }
  bool IsName(std::string_view name) const { return current().IsName(name); }

  const Token& Take() {
    const Token& token = tokens_[at_];
    line_ = token.line;
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  // Whether it was there, and is taken now.
  bool SkipSign(std::string_view sign) { return TakeIf(IsSign(sign)); }
  bool SkipName(std::string_view name) { return TakeIf(IsName(name)); }

  const Token& Expect(TokenKind kind, const char* what) {
    if (!Is(kind)) Refuse(what);
    return Take();
  }
  void ExpectSign(const char* sign) {
    if (!SkipSign(sign)) Refuse(("\"" + std::string(sign) + "\"").c_str());
  }
  void ExpectName(const char* name) {
    if (!SkipName(name)) Refuse(("\"" + std::string(name) + "\"").c_str());
  }

  [[noreturn]] void Refuse(const char* expected) {
    line_ = current().line;
    Fail("expected " + std::string(expected) + ", found " + Describe(current()));
  }
  void SetLine(int line) { line_ = line; }

 private:
  bool TakeIf(bool wanted) {
    if (wanted) Take();
    return wanted;
  }

  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int& line_;
};

class Names {
 public:
  Names() {
    for (const char* name : kSpecialNames) IdOf(name);
  }
  NameId IdOf(const std::string& name) {
    const auto [place, fresh] = ids_.try_emplace(name, static_cast<NameId>(names_.size()));
    if (fresh) names_.push_back(name);
    return place->second;
  }
  std::vector<std::string> Take() { return std::move(names_); }

 private:
  std::unordered_map<std::string, NameId> ids_;
  std::vector<std::string> names_;
};

}  // namespace berth::jinja
