#include "worker/jinja/format_spec.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "worker/jinja/format.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/print.h"
#include "worker/jinja/python_text.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

std::string SignText(bool negative, char sign) {
  if (negative) return "-";
  return sign == '-' ? std::string() : std::string(1, sign);
}

// Separators between groups of digits, from the right, before the first character that is none.
std::string Grouped(const std::string& number, char separator, std::size_t group) {
  if (separator == '\0') return number;
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
  std::size_t digits = 0;
  while (digits < number.size() && is_digit(number[digits]) && number[digits] != '.') ++digits;
  std::string out;
  for (std::size_t i = 0; i < digits; ++i) {
    if (i > 0 && (digits - i) % group == 0) out += separator;
    out += number[i];
  }
  return out + number.substr(digits);
}

std::string DigitsOf(std::uint64_t value, char type) {
  const unsigned base = type == 'x' || type == 'X' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
  const char* digits = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string out;
  do out += digits[value % base];
  while ((value /= base) > 0);
  std::ranges::reverse(out);
  return out;
}

}  // namespace

std::string Pad(std::string_view text, const FieldLayout& layout, char default_align) {
  const std::int64_t missing = layout.width - static_cast<std::int64_t>(PointCount(text));
  if (missing <= 0) return std::string(text);
  const char align = layout.align == '\0' ? default_align : layout.align;
  const std::int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  std::string before, after;
  for (std::int64_t i = 0; i < left; ++i) before += layout.fill;
  for (std::int64_t i = left; i < missing; ++i) after += layout.fill;
  std::size_t head = 0;
  if (align == '=') {
    if (head < text.size() && (text[head] == '-' || text[head] == '+' || text[head] == ' ')) ++head;
    if (layout.alternate && text.size() > head + 1 && text[head] == '0' && std::string_view("xXob").find(text[head + 1]) != std::string_view::npos) head += 2;
  }
  return std::string(text.substr(0, head)) + before + std::string(text.substr(head)) + after;
}

std::string IntegerText(std::int64_t value, const FieldLayout& layout) {
  if (layout.type == 'c') {
    if (value < 0 || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) Fail("%c: " + std::to_string(value) + " is no character");
    std::string out;
    text::Append(out, static_cast<char32_t>(value));
    return out;
  }
  const char type = layout.type == '\0' || layout.type == 'n' ? 'd' : layout.type;
  const std::uint64_t magnitude = value < 0 ? ~static_cast<std::uint64_t>(value) + 1 : static_cast<std::uint64_t>(value);
  std::string digits = DigitsOf(magnitude, type);
  if (layout.precision > static_cast<std::int64_t>(digits.size())) {
    digits.insert(0, static_cast<std::size_t>(layout.precision) - digits.size(), '0');
  }
  digits = Grouped(digits, layout.grouping, type == 'd' ? 3 : 4);
  const std::string prefix = layout.alternate && type != 'd' ? std::string("0") + type : std::string();
  return SignText(value < 0, layout.sign) + prefix + digits;
}

std::string FormatDouble(double number, char type, int precision, bool alternate) {
  const std::string format = std::string("%") + (alternate ? "#" : "") + ".*" + type;
  std::string out(static_cast<std::size_t>(precision) + 340, '\0');
  const int length = std::snprintf(out.data(), out.size(), format.c_str(), precision, number);
  out.resize(static_cast<std::size_t>(std::max(length, 0)));
  return out;
}

std::string FloatFieldText(double value, const FieldLayout& layout) {
  const bool negative = std::signbit(value) && !std::isnan(value);
  const double magnitude = std::fabs(value);
  std::string digits;
  if (layout.type == '\0' && layout.precision < 0 && std::isfinite(value)) {
    digits = FloatText(magnitude);
  } else {
    const bool percent = layout.type == '%';
    const char type = percent ? 'f' : layout.type == '\0' || layout.type == 'n' ? 'g' : layout.type;
    const int precision = layout.precision < 0 ? 6 : static_cast<int>(layout.precision);
    digits = FormatDouble(percent ? magnitude * 100 : magnitude, type, precision, layout.alternate);
    // Without a type it is "g" that looks like a float, and goes over to an exponent one digit earlier.
    if (layout.type == '\0' && std::isfinite(value)) {
      const int exponent = magnitude == 0 ? 0 : std::stoi(FormatDouble(magnitude, 'e', std::max(precision - 1, 0), false).substr(FormatDouble(magnitude, 'e', std::max(precision - 1, 0), false).find('e') + 1));
      if (exponent == std::max(precision, 1) - 1 && precision > 0 && digits.find('e') == std::string::npos) {
        digits = FormatDouble(magnitude, 'e', precision - 1, false);
        const std::size_t e = digits.find('e');
        std::string mantissa = digits.substr(0, e);
        if (mantissa.find('.') != std::string::npos) {
          mantissa.erase(mantissa.find_last_not_of('0') + 1);
          if (mantissa.ends_with('.')) mantissa.pop_back();
        }
        digits = mantissa + digits.substr(e);
      } else if (digits.find_first_of(".e") == std::string::npos) {
        digits += ".0";
      }
    }
    if (percent) digits += '%';
  }
  return SignText(negative, layout.sign) + Grouped(digits, layout.grouping, 3);
}

namespace {

class SpecReader {
 public:
  explicit SpecReader(std::string_view spec) : spec_(spec) {}

  FieldLayout Read() {
    FieldLayout layout;
    Alignment(layout);
    if (Next("+- ")) layout.sign = spec_[at_++];
    if (Next("#")) layout.alternate = ++at_ > 0;
    if (Next("0")) {
      ++at_;
      zero_ = true;
    }
    layout.width = Number(0);
    if (Next(",_")) layout.grouping = spec_[at_++];
    if (Next(".")) {
      ++at_;
      layout.precision = Number(-1);
      if (layout.precision < 0) Fail("a format specification lacks its precision");
    }
    if (at_ < spec_.size()) layout.type = spec_[at_++];
    if (at_ < spec_.size()) Fail("the format specification \"" + std::string(spec_.substr(0, 80)) + "\" is wrong");
    return layout;
  }
  bool zero() const { return zero_; }

 private:
  bool Next(std::string_view any) const { return at_ < spec_.size() && any.find(spec_[at_]) != std::string_view::npos; }

  void Alignment(FieldLayout& layout) {
    static constexpr std::string_view kAligns = "<>^=";
    if (spec_.empty()) return;
    std::size_t behind = 0;
    text::DecodeAt(spec_, behind);
    if (behind < spec_.size() && kAligns.find(spec_[behind]) != std::string_view::npos) {
      layout.fill = std::string(spec_.substr(0, behind));
      layout.align = spec_[behind];
      at_ = behind + 1;
    } else if (Next(kAligns)) {
      layout.align = spec_[at_++];
    }
  }

  std::int64_t Number(std::int64_t fallback) {
    if (!Next("0123456789")) return fallback;
    std::int64_t number = 0;
    for (; Next("0123456789"); ++at_) {
      number = number * 10 + (spec_[at_] - '0');
      if (number > kMostWidth) Fail("a field of more than " + std::to_string(kMostWidth) + " characters");
    }
    return number;
  }

  std::string_view spec_;
  std::size_t at_ = 0;
  bool zero_ = false;
};

[[noreturn]] void FailType(const FieldLayout& layout, const Value& value) {
  Fail(std::string("the format code '") + layout.type + "' is not one for '" + TypeName(value) + "'");
}

std::string TextField(const Value& value, FieldLayout layout, bool zero) {
  if (layout.type != '\0' && layout.type != 's') FailType(layout, value);
  if (layout.sign != '-' || layout.alternate || layout.grouping != '\0' || layout.align == '=') Fail("this format specification is not one for strings");
  if (zero && layout.align == '\0') layout.fill = "0";
  std::string_view text = value.bytes();
  if (layout.precision >= 0) text = text.substr(0, ByteOf(text, static_cast<std::size_t>(layout.precision)));
  return Pad(text, layout, '<');
}

}  // namespace

std::string FormatSpec(Interpreter& in, const Value& value, std::string_view spec) {
  if (spec.empty()) return Str(value);
  SpecReader reader(spec);
  FieldLayout layout = reader.Read();
  in.heap().Foresee(static_cast<std::uint64_t>(layout.width + std::max<std::int64_t>(layout.precision, 0)) * 4);
  if (value.is_string()) return TextField(value, layout, reader.zero());
  if (!value.is_number()) Fail("a format specification is not supported for '" + TypeName(value) + "'");
  if (reader.zero() && layout.align == '\0') {
    layout.align = '=';
    layout.fill = "0";
    // Grouping reaches into the zeros in front.
    if (layout.grouping != '\0') Fail("zeros in front of grouped digits are not supported");
  }
  const bool float_type = std::string_view("eEfFgG%").find(layout.type) != std::string_view::npos && layout.type != '\0';
  if (value.is(Kind::kFloat) || float_type) {
    if (layout.type != '\0' && !float_type && layout.type != 'n') FailType(layout, value);
    return Pad(FloatFieldText(value.number(), layout), layout, '>');
  }
  if (layout.type != '\0' && std::string_view("dxXobcn").find(layout.type) == std::string_view::npos) FailType(layout, value);
  if (layout.precision >= 0) Fail("a precision is not one for integers");
  if (value.is(Kind::kBool) && layout.type == '\0') return Pad(IntegerText(value.integer(), layout), layout, '>');
  return Pad(IntegerText(value.integer(), layout), layout, layout.type == 'c' ? '<' : '>');
}

}  // namespace berth::jinja
