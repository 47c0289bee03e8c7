// A template's source cut into tokens, as Jinja does with trim_blocks and lstrip_blocks: the newline behind a block's or
// comment's end goes, and so does the white space before one that begins a line; "-" takes all white space, "+" none.
// Of the source's last newline nothing is kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/result.h"

namespace berth::jinja {

enum class TokenKind {
  kData,           // text outside of tags
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,     // {%
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  int line = 1;
  std::string text;  // unescaped, of kString; the sign itself, of kOperator
  std::int64_t integer = 0;
  double number = 0;

  bool IsName(std::string_view name) const { return kind == TokenKind::kName && text == name; }
  bool IsSign(std::string_view sign) const { return kind == TokenKind::kOperator && text == sign; }
};

// The last token is kEnd. Throws TemplateError, with `line` set to the place.
std::vector<Token> Tokenize(std::string_view source, int& line);

// How a token is spoken of in messages.
std::string Describe(const Token& token);

}  // namespace berth::jinja
