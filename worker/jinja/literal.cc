#include "worker/jinja/literal.h"

#include <charconv>
#include <cmath>

#include "worker/jinja/heap.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

int DigitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

// How many bytes at `at` are digits of that base, each perhaps after one underscore.
std::size_t DigitsAt(std::string_view text, std::size_t at, int base, bool leading_underscore) {
  std::size_t end = at;
  while (end < text.size()) {
    const std::size_t digit = end + (text[end] == '_' && (end > at || leading_underscore) ? 1 : 0);
    if (digit >= text.size() || DigitOf(text[digit]) >= base) break;
    end = digit + 1;
  }
  return end - at;
}

std::string WithoutUnderscores(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '_') out += c;
  }
  return out;
}

std::int64_t ParseInteger(std::string_view digits, int base) {
  const std::string plain = WithoutUnderscores(digits);
  std::int64_t value = 0;
  const auto parsed = std::from_chars(plain.data(), plain.data() + plain.size(), value, base);
  if (parsed.ec != std::errc()) Fail("the integer " + plain.substr(0, 40) + " is more than 64 bits hold");
  return value;
}

int PrefixBase(std::string_view text) {
  if (text.size() < 3 || text[0] != '0') return 10;
  switch (text[1] | 0x20) {
    case 'x': return 16;
    case 'o': return 8;
    case 'b': return 2;
    default: return 10;
  }
}

// The end of a float that begins with `whole` digits; `whole` itself where it is none.
std::size_t FloatEnd(std::string_view text, std::size_t whole) {
  std::size_t end = whole;
  if (end + 1 < text.size() && text[end] == '.') {
    if (const std::size_t digits = DigitsAt(text, end + 1, 10, false)) end += 1 + digits;
  }
  if (end < text.size() && (text[end] | 0x20) == 'e') {
    std::size_t exponent = end + 1;
    if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-')) ++exponent;
    if (const std::size_t digits = DigitsAt(text, exponent, 10, false)) end = exponent + digits;
  }
  return end;
}

NumberLiteral ReadFloat(std::string_view digits) {
  const std::string plain = WithoutUnderscores(digits);
  NumberLiteral literal{true, 0, 0, digits.size()};
  const auto parsed = std::from_chars(plain.data(), plain.data() + plain.size(), literal.number);
  if (parsed.ec == std::errc::result_out_of_range) {
    // Too small is zero, too large infinite, as in Python.
    const std::size_t e = plain.find_first_of("eE");
    literal.number = e != std::string::npos && plain[e + 1] == '-' ? 0 : HUGE_VAL;
  }
  return literal;
}

// A decimal integer has no leading zero: of "012" the zero is a number of its own, as in Jinja.
std::size_t DecimalBytes(std::string_view text) {
  if (text[0] != '0') return DigitsAt(text, 0, 10, false);
  return DigitsAt(text, 0, 1, false);
}

class Unescaper {
 public:
  explicit Unescaper(std::string_view text) : text_(text) {}

  std::string Run() {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '\\' && at_ < text_.size()) {
        Escape(text_[at_++]);
      } else {
        out_ += c;
      }
    }
    return std::move(out_);
  }

 private:
  void Escape(char c) {
    static constexpr std::string_view kLetters = "abfnrtv";
    static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v";
    if (const std::size_t at = kLetters.find(c); at != std::string_view::npos) {
      out_ += kMeanings[at];
    } else if (c == '\\' || c == '\'' || c == '"') {
      out_ += c;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      Hex(c, c == 'x' ? 2 : c == 'u' ? 4 : 8);
    } else if (c >= '0' && c <= '7') {
      Octal(c);
    } else if (c == 'N') {
      Fail("the escape \\N{…} is not supported; write the character itself");
    } else if (c != '\n') {  // a newline behind a backslash is no newline
      out_ += '\\';
      out_ += c;
    }
  }

  void Octal(char first) {
    char32_t point = static_cast<char32_t>(first - '0');
    for (int i = 0; i < 2 && at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '7'; ++i) {
      point = point * 8 + static_cast<char32_t>(text_[at_++] - '0');
    }
    text::Append(out_, point);
  }

  void Hex(char kind, std::size_t digits) {
    char32_t point = 0;
    for (std::size_t i = 0; i < digits; ++i, ++at_) {
      if (at_ >= text_.size() || DigitOf(text_[at_]) > 15) {
        Fail(std::string("the escape \\") + kind + " needs " + std::to_string(digits) + " hexadecimal digits");
      }
      point = point * 16 + static_cast<char32_t>(DigitOf(text_[at_]));
    }
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) {
      Fail(std::string("the escape \\") + kind + " names no character");
    }
    text::Append(out_, point);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

NumberLiteral ReadNumber(std::string_view text, bool fraction_allowed) {
  const std::size_t digits = DigitsAt(text, 0, 10, false);
  if (fraction_allowed) {
    if (const std::size_t end = FloatEnd(text, digits); end > digits) return ReadFloat(text.substr(0, end));
  }
  NumberLiteral literal;
  if (const int base = PrefixBase(text); base != 10) {
    if (const std::size_t more = DigitsAt(text, 2, base, true)) {
      literal.integer = ParseInteger(text.substr(2, more), base);
      literal.bytes = 2 + more;
      return literal;
    }
  }
  literal.bytes = DecimalBytes(text);
  literal.integer = ParseInteger(text.substr(0, literal.bytes), 10);
  return literal;
}

std::string Unescape(std::string_view text) { return Unescaper(text).Run(); }

}  // namespace berth::jinja
