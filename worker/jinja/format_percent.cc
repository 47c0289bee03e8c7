// "%s of %d" % (values): after Python's printf-style string formatting.
#include <cmath>

#include "worker/jinja/format.h"
#include "worker/jinja/format_spec.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/operators.h"
#include "worker/jinja/print.h"
#include "worker/jinja/python_text.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

class Percent {
 public:
  Percent(Interpreter& in, const Text& pattern, const Value& argument)
      : in_(in), pattern_(pattern.bytes), markup_(pattern.markup), argument_(argument) {
    const bool tuple = argument.is(Kind::kSequence) &&
                       (argument.sequence().shape == Shape::kTuple || argument.sequence().shape == Shape::kGroup);
    if (tuple) values_ = &argument.sequence().items;
  }

  std::string Run() {
    while (at_ < pattern_.size()) {
      if (pattern_[at_] != '%') {
        out_ += pattern_[at_++];
        continue;
      }
      ++at_;
      One();
      in_.heap().Foresee(out_.size());
    }
    CheckAllUsed();
    return std::move(out_);
  }

 private:
  char Peek() const {
    if (at_ >= pattern_.size()) Fail("a format ends in the middle of a %");
    return pattern_[at_];
  }

  void One() {
    FieldLayout layout;
    layout.align = '>';
    if (Peek() == '(') Name();
    bool zero = false;
    for (; std::string_view("#0- +").find(Peek()) != std::string_view::npos; ++at_) {
      switch (Peek()) {
        case '#': layout.alternate = true; break;
        case '0': zero = true; break;
        case '-': layout.align = '<'; break;
        case '+': layout.sign = '+'; break;
        default: if (layout.sign != '+') layout.sign = ' ';
      }
    }
    layout.width = Star(layout);
    if (Peek() == '.') {
      ++at_;
      layout.precision = Number();
    }
    while (std::string_view("hlL").find(Peek()) != std::string_view::npos) ++at_;
    layout.type = Peek();
    ++at_;
    if (layout.type == '%') {
      out_ += '%';
    } else {
      Convert(layout, zero);
    }
    named_ = nullptr;
  }

  void Name() {
    if (!argument_.is(Kind::kMapping)) Fail("a format with names needs a mapping");
    std::size_t end = at_ + 1;
    for (int open = 1; open > 0; ++end) {
      if (end >= pattern_.size()) Fail("a name in a format does not end: \")\" is missing");
      open += pattern_[end] == '(' ? 1 : pattern_[end] == ')' ? -1 : 0;
    }
    const std::string_view name = std::string_view(pattern_).substr(at_ + 1, end - at_ - 2);
    named_ = argument_.mapping().Find(name);
    if (named_ == nullptr) Fail("a format names \"" + std::string(name.substr(0, 80)) + "\", which is not there");
    used_names_ = true;
    at_ = end;
  }

  std::int64_t Number() {
    if (Peek() == '*') {
      ++at_;
      const Value value = Next();
      if (!value.is_integral()) Fail("* in a format needs an integer");
      if (std::abs(value.integer()) > kMostWidth) Fail("a field of more than " + std::to_string(kMostWidth) + " characters");
      return value.integer();
    }
    std::int64_t number = 0;
    for (; Peek() >= '0' && Peek() <= '9'; ++at_) {
      number = number * 10 + (Peek() - '0');
      if (number > kMostWidth) Fail("a field of more than " + std::to_string(kMostWidth) + " characters");
    }
    return number;
  }

  std::int64_t Star(FieldLayout& layout) {
    const std::int64_t width = Number();
    if (width >= 0) return width;
    layout.align = '<';
    return -width;
  }

  Value Next() {
    if (named_ != nullptr) return *named_;
    if (values_ == nullptr) {
      if (next_++ > 0) Fail("a format has more fields than values");
      return argument_;
    }
    if (next_ >= values_->size()) Fail("a format has more fields than values");
    return (*values_)[next_++];
  }

  void Convert(FieldLayout layout, bool zero) {
    const Value value = Next();
    switch (layout.type) {
      case 's':
      case 'r':
      case 'a': return AddText(layout.type == 's' ? Str(value) : Repr(value), layout, value);
      case 'c': return AddCharacter(value, layout);
      case 'd':
      case 'i':
      case 'u':
        layout.type = 'd';
        if (value.is(Kind::kFloat)) return AddInteger(Truncate(value.number()), layout, zero);
        [[fallthrough]];
      case 'x':
      case 'X':
      case 'o':
        if (!value.is_integral()) Fail(std::string("%") + layout.type + " needs an integer, not '" + TypeName(value) + "'");
        return AddInteger(value.integer(), layout, zero);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G': return AddFloat(value, layout, zero);
      default: Fail("the format has an unknown code after %");
    }
  }

  static std::int64_t Truncate(double number) {
    if (!(std::fabs(number) < 9.2e18)) Fail("%d: the number is no integer of 64 bits");
    return static_cast<std::int64_t>(number);
  }

  void AddText(std::string text, const FieldLayout& layout, const Value& value) {
    if (markup_ && !(value.is_string() && value.text().markup)) text = EscapeHtml(text);
    if (layout.precision >= 0) text.resize(ByteOf(text, static_cast<std::size_t>(layout.precision)));
    out_ += Pad(text, layout, '>');
  }

  void AddCharacter(const Value& value, const FieldLayout& layout) {
    if (value.is_string() && value.text().points == 1) {
      out_ += Pad(value.bytes(), layout, '>');
    } else if (value.is_integral()) {
      out_ += Pad(IntegerText(value.integer(), layout), layout, '>');
    } else {
      Fail("%c needs an integer or one character");
    }
  }

  void AddInteger(std::int64_t value, FieldLayout layout, bool zero) {
    if (zero && layout.align != '<') {
      layout.align = '=';
      layout.fill = "0";
    }
    out_ += Pad(IntegerText(value, layout), layout, '>');
  }

  void AddFloat(const Value& value, FieldLayout layout, bool zero) {
    if (!value.is_number()) Fail(std::string("%") + layout.type + " needs a number, not '" + TypeName(value) + "'");
    if (zero && layout.align != '<') {
      layout.align = '=';
      layout.fill = "0";
    }
    out_ += Pad(FloatFieldText(value.number(), layout), layout, '>');
  }

  void CheckAllUsed() const {
    const bool mapping_like = argument_.is(Kind::kMapping) || (argument_.is(Kind::kSequence) && values_ == nullptr) ||
                              argument_.is_undefined();
    if (values_ != nullptr ? next_ < values_->size() : !mapping_like && next_ == 0 && !used_names_) {
      Fail("a format has fewer fields than values");
    }
  }

  Interpreter& in_;
  const std::string& pattern_;
  bool markup_;
  const Value& argument_;
  const std::vector<Value>* values_ = nullptr;
  std::size_t next_ = 0;
  const Value* named_ = nullptr;
  bool used_names_ = false;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

Value FormatPercent(Interpreter& in, const Text& pattern, const Value& argument) {
  return in.Text(Percent(in, pattern, argument).Run(), pattern.markup);
}

}  // namespace berth::jinja
