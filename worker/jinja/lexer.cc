#include "worker/jinja/lexer.h"

#include <array>
#include <optional>

#include "worker/jinja/heap.h"
#include "worker/jinja/literal.h"
#include "worker/jinja/python_text.h"
#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

// Longer ones first.
constexpr std::array<std::string_view, 24> kOperators = {"//", "**", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~",
                                                          "[",  "]",  "(",  ")",  "{",  "}",  "|", ",", ".", ":", ";", "="};

std::string NormalizeNewlines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    } else {
      out += source[i];
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  Lexer(std::string_view source, int& line) : source_(NormalizeNewlines(source)), line_(line) { line_ = 1; }

  std::vector<Token> Run() {
    while (at_ < source_.size()) Root();
    Add(TokenKind::kEnd);
    return std::move(tokens_);
  }

 private:
  std::string_view Rest() const { return std::string_view(source_).substr(at_); }

  Token& Add(TokenKind kind, std::string text = {}) {
    return tokens_.emplace_back(Token{kind, line_, std::move(text)});
  }

  // Moves on, counting lines; true for every caller's convenience.
  void Skip(std::size_t bytes) {
    for (const std::size_t end = at_ + bytes; at_ < end; ++at_) line_ += source_[at_] == '\n';
  }

  void SkipSpace() {
    Skip(Rest().size() - Strip(Rest(), std::nullopt, Side::kLeft).size());
  }

  // Where the next tag begins: "{{", "{%" or "{#".
  std::size_t FindTag() const {
    for (std::size_t at = source_.find('{', at_); at != std::string::npos; at = source_.find('{', at + 1)) {
      if (at + 1 < source_.size() && (source_[at + 1] == '{' || source_[at + 1] == '%' || source_[at + 1] == '#')) return at;
    }
    return std::string::npos;
  }

  // The text up to `end`, stripped as the tag's sign and kind want it.
  void Data(std::size_t end, char sign, bool is_block) {
    std::string_view text = std::string_view(source_).substr(at_, end - at_);
    if (sign == '-') {
      text = Strip(text, std::nullopt, Side::kRight);
    } else if (sign != '+' && is_block) {
      const std::size_t newline = text.rfind('\n');
      const std::size_t last_line = newline == std::string_view::npos ? 0 : newline + 1;
      if ((last_line > 0 || line_starting_) && Strip(text.substr(last_line), std::nullopt, Side::kLeft).empty()) {
        text = text.substr(0, last_line);
      }
    }
    if (!text.empty()) Add(TokenKind::kData, std::string(text));
    Skip(end - at_);
  }

  char SignAt(std::size_t at) const {
    return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : '\0';
  }

  void Root() {
    const std::size_t tag = FindTag();
    if (tag == std::string::npos) {
      Add(TokenKind::kData, source_.substr(at_));
      return Skip(source_.size() - at_);
    }
    const char kind = source_[tag + 1];
    const char sign = SignAt(tag + 2);
    Data(tag, sign, kind != '{');
    if (kind == '%' && Raw()) return;
    const int begun = line_;
    Skip(sign != '\0' ? 3 : 2);
    line_starting_ = false;
    if (kind == '#') return Comment(begun);
    Add(kind == '{' ? TokenKind::kVariableBegin : TokenKind::kBlockBegin);
    Inside(kind == '{');
  }

  // Behind the end of a block, comment or raw block whose sign was `sign`.
  void AfterEnd(char sign) {
    const std::size_t before = at_;
    if (sign == '-') {
      SkipSpace();
    } else if (sign == '\0' && at_ < source_.size() && source_[at_] == '\n') {
      Skip(1);
    }
    line_starting_ = at_ > before && source_[at_ - 1] == '\n';
  }

  void Comment(int begun) {
    const std::size_t end = source_.find("#}", at_);
    if (end == std::string::npos) {
      line_ = begun;
      Fail("this comment does not end: \"#}\" is missing");
    }
    const char sign = end > at_ ? SignAt(end - 1) : '\0';
    Skip(end + 2 - at_);
    AfterEnd(sign);
  }

  // "{%" SIGN "name" SIGN "%}" at `at`: where it ends, and the signs.
  struct Bare {
    std::size_t end;
    char sign_before;
    char sign_after;
  };
  std::optional<Bare> BareTag(std::size_t at, std::string_view name) const {
    const std::string_view text = source_;
    const char before = SignAt(at + 2);
    const auto skip_space = [&](std::size_t from) {
      return text.size() - Strip(text.substr(from), std::nullopt, Side::kLeft).size();
    };
    std::size_t next = skip_space(at + (before != '\0' ? 3 : 2));
    if (text.substr(next, name.size()) != name) return std::nullopt;
    next = skip_space(next + name.size());
    const char after = SignAt(next);
    if (after != '\0') ++next;
    if (text.substr(next, 2) != "%}") return std::nullopt;
    return Bare{next + 2, before, after};
  }

  // A raw block at this tag: all of it, up to its end.
  bool Raw() {
    const auto begin = BareTag(at_, "raw");
    if (!begin || begin->sign_after == '+') return false;
    const int begun = line_;
    Skip(begin->end - at_);
    line_starting_ = source_[at_ - 1] == '\n';
    if (begin->sign_after == '-') {
      const std::size_t before = at_;
      SkipSpace();
      line_starting_ = at_ > before && source_[at_ - 1] == '\n';
    }
    for (std::size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 1)) {
      const auto end = BareTag(tag, "endraw");
      if (!end) continue;
      Data(tag, end->sign_before, true);
      Skip(end->end - at_);
      AfterEnd(end->sign_after);
      return true;
    }
    line_ = begun;
    Fail("this raw block does not end: \"{% endraw %}\" is missing");
  }

  // The tokens of a tag, up to its end.
  void Inside(bool variable) {
    const std::string_view end = variable ? "}}" : "%}";
    std::vector<char> open;
    while (true) {
      if (at_ >= source_.size()) return;  // the parser says what is missing
      if (open.empty() && AtEnd(end, variable)) return;
      One(open);
    }
  }

  bool AtEnd(std::string_view end, bool variable) {
    const char sign = SignAt(at_);
    const bool signed_end = sign != '\0' && !(variable && sign == '+') && Rest().substr(1, 2) == end;
    if (!signed_end && Rest().substr(0, 2) != end) return false;
    Add(variable ? TokenKind::kVariableEnd : TokenKind::kBlockEnd);
    Skip(signed_end ? 3 : 2);
    if (!variable) {
      AfterEnd(signed_end ? sign : '\0');
      return true;
    }
    line_starting_ = false;
    if (signed_end) {
      const std::size_t before = at_;
      SkipSpace();
      line_starting_ = at_ > before && source_[at_ - 1] == '\n';
    }
    return true;
  }

  void One(std::vector<char>& open) {
    std::size_t next = at_;
    const char32_t point = text::DecodeAt(source_, next);
    if (IsSpace(point)) return SkipSpace();
    if (point >= '0' && point <= '9') return Number();
    if (text::IsWord(point)) return Name();
    if (point == '\'' || point == '"') return String(static_cast<char>(point));
    for (const std::string_view sign : kOperators) {
      if (!Rest().starts_with(sign)) continue;
      Balance(sign, open);
      Add(TokenKind::kOperator, std::string(sign));
      return Skip(sign.size());
    }
    if (point == '<' || point == '>') {
      Add(TokenKind::kOperator, std::string(1, static_cast<char>(point)));
      return Skip(1);
    }
    Fail("unexpected character '" + source_.substr(at_, next - at_) + "'");
  }

  void Balance(std::string_view sign, std::vector<char>& open) {
    const char c = sign.front();
    if (c == '{') open.push_back('}');
    if (c == '(') open.push_back(')');
    if (c == '[') open.push_back(']');
    if (c != '}' && c != ')' && c != ']') return;
    if (open.empty()) Fail(std::string("unexpected '") + c + "'");
    if (open.back() != c) Fail(std::string("unexpected '") + c + "', expected '" + open.back() + "'");
    open.pop_back();
  }

  void Name() {
    std::size_t end = at_;
    for (std::size_t next = at_; next < source_.size(); end = next) {
      if (!text::IsWord(text::DecodeAt(source_, next))) break;
    }
    Add(TokenKind::kName, source_.substr(at_, end - at_));
    Skip(end - at_);
  }

  void Number() {
    const bool behind_dot = at_ > 0 && source_[at_ - 1] == '.';  // "x.0.1" has no float in it
    const NumberLiteral literal = ReadNumber(Rest(), !behind_dot);
    Token& token = Add(literal.is_float ? TokenKind::kFloat : TokenKind::kInteger, source_.substr(at_, literal.bytes));
    token.integer = literal.integer;
    token.number = literal.number;
    Skip(literal.bytes);
  }

  void String(char quote) {
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) Fail(std::string("this string does not end: ") + quote + " is missing");
    Add(TokenKind::kString, Unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1)));
    Skip(end + 1 - at_);
  }

  std::string source_;
  int& line_;
  std::size_t at_ = 0;
  bool line_starting_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view source, int& line) { return Lexer(source, line).Run(); }

std::string Describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData: return "text";
    case TokenKind::kVariableBegin: return "\"{{\"";
    case TokenKind::kVariableEnd: return "\"}}\"";
    case TokenKind::kBlockBegin: return "\"{%\"";
    case TokenKind::kBlockEnd: return "\"%}\"";
    case TokenKind::kEnd: return "the end of the template";
    case TokenKind::kString: return "a string";
    default: return "\"" + token.text.substr(0, 80) + "\"";
  }
}

}  // namespace berth::jinja
