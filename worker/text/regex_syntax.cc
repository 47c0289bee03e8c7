// TranslatePattern: from the language of Oniguruma to PCRE2's.
#include <array>
#include <utility>

#include "worker/text/regex.h"

namespace berth::text {
namespace {

// The property White_Space; PCRE2's \s also has U+180E, which has not been white space since Unicode 6.3.
constexpr std::string_view kSpace =
    R"(\x09-\x0d\x20\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
// Letters, marks, decimal digits, letter numbers, connectors; PCRE2 10.42's \w lacks marks and most connectors.
constexpr std::string_view kWord = R"(\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc})";
constexpr std::string_view kDigit = R"(\p{Nd})";

constexpr std::array<std::pair<char, std::string_view>, 3> kClasses = {{{'s', kSpace}, {'w', kWord}, {'d', kDigit}}};

constexpr std::string_view kSameEscapes = "rntfx";  // and every ASCII character that is no letter or digit

bool IsAsciiLetterOrDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

class Translator {
 public:
  explicit Translator(std::string_view pattern) : pattern_(pattern) {}

  Result<std::string> Run() {
    while (at_ < pattern_.size()) {
      if (Status done = Next(); !done) return done.error();
    }
    return std::move(out_);
  }

 private:
  Status Next() {
    const char c = pattern_[at_];
    if (c == '\\') return Escape();
    if (in_class_) return InClass(c);
    if (c == '(') return Group();
    if (c == '^' || c == '$') return Refuse(std::string("\"") + c + "\" outside a class");  // Ruby's: of every line
    for (const std::string_view other : {"}+", "{,"}) {
      if (pattern_.substr(at_).starts_with(other)) return Refuse("\"" + std::string(other) + "\"");
    }
    if (c == '[') {
      in_class_ = true;
      Copy();
      if (Peek() == '^') Copy();
      if (Peek() == ']') Copy();  // the first one is itself
      return Ok();
    }
    Copy();
    return Ok();
  }

  Status InClass(char c) {
    if (c == '[') return Refuse("a class inside a class");
    if (c == '&' && pattern_.substr(at_).starts_with("&&")) return Refuse("\"&&\" in a class");
    if (c == ']') in_class_ = false;
    Copy();
    return Ok();
  }

  Status Group() {
    if (pattern_.substr(at_).starts_with("(*")) return Refuse("\"(*\"");
    if (!pattern_.substr(at_).starts_with("(?")) {
      Copy();
      return Ok();
    }
    for (const std::string_view kind : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"}) {
      if (!pattern_.substr(at_).starts_with(kind)) continue;
      out_ += kind;
      at_ += kind.size();
      return Ok();
    }
    return Refuse("\"" + std::string(pattern_.substr(at_, 3)) + "\"");
  }

  // PCRE2 takes the name of a script for the property Script_Extensions.
  Status Property() {
    const auto end = pattern_.find('}', at_);
    if (Peek(2) != '{' || end == std::string_view::npos) return Refuse("a property without braces");
    std::string_view name = pattern_.substr(at_ + 3, end - at_ - 3);
    out_.append(pattern_.substr(at_, 3));
    if (name.starts_with('^')) {
      out_ += '^';
      name.remove_prefix(1);
    }
    if (name.size() > 2 && name != "Any") out_ += "sc:";
    out_.append(name).append("}");
    at_ = end + 1;
    return Ok();
  }

  Status Escape() {
    const char c = Peek(1);
    if (c == 'p' || c == 'P') return Property();
    for (const auto& [name, ranges] : kClasses) {
      const bool is_class = c == name;
      const bool is_complement = c == name - 'a' + 'A';
      if (!is_class && !is_complement) continue;
      if (in_class_ && is_complement) return Refuse(std::string("\"\\") + c + "\" in a class");
      if (in_class_) out_ += ranges;
      if (!in_class_) out_.append(is_complement ? "[^" : "[").append(ranges).append("]");
      at_ += 2;
      return Ok();
    }
    const bool same = kSameEscapes.find(c) != std::string_view::npos && c != '\0';
    if (!same && (c == '\0' || IsAsciiLetterOrDigit(c))) {
      return Refuse(c == '\0' ? std::string("a backslash at the end") : std::string("\"\\") + c + "\"");
    }
    Copy();
    Copy();
    return Ok();
  }

  char Peek(std::size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0';
  }
  void Copy() { out_ += pattern_[at_++]; }

  Status Refuse(const std::string& what) const {
    return Invalid("the pattern has ", what, " at byte ", at_, ", which is not supported");
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  bool in_class_ = false;
  std::string out_;
};

}  // namespace

Result<std::string> TranslatePattern(std::string_view pattern) { return Translator(pattern).Run(); }

}  // namespace berth::text
