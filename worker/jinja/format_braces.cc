// "{} of {name!r:>10}".format(…): after Python's format strings.
#include "worker/jinja/access.h"
#include "worker/jinja/format.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/operators.h"
#include "worker/jinja/print.h"

namespace berth::jinja {
namespace {

class Braces {
 public:
  Braces(Interpreter& in, const Arguments& arguments, bool markup) : in_(in), arguments_(arguments), markup_(markup) {}

  std::string Run(std::string_view pattern, int depth = 2) {
    if (depth == 0) Fail("fields of a format nest too deep");
    std::string out;
    for (std::size_t at = 0; at < pattern.size();) {
      const char c = pattern[at];
      const bool doubled = at + 1 < pattern.size() && pattern[at + 1] == c;
      if ((c == '{' || c == '}') && doubled) {
        out += c;
        at += 2;
      } else if (c == '}') {
        Fail("a format has a single \"}\"");
      } else if (c == '{') {
        const std::size_t end = FieldEnd(pattern, at + 1);
        out += Field(pattern.substr(at + 1, end - at - 1), depth);
        at = end + 1;
      } else {
        out += c;
        ++at;
      }
      if (out.size() > 4096) in_.heap().Foresee(out.size());
    }
    return out;
  }

 private:
  static std::size_t FieldEnd(std::string_view pattern, std::size_t at) {
    for (int open = 1; at < pattern.size(); ++at) {
      open += pattern[at] == '{' ? 1 : pattern[at] == '}' ? -1 : 0;
      if (open == 0) return at;
    }
    Fail("a format has a single \"{\"");
  }

  // NAME, !CONVERSION, :SPECIFICATION
  std::string Field(std::string_view field, int depth) {
    const std::size_t colon = SpecBegin(field);
    std::string_view name = field.substr(0, colon);
    char conversion = '\0';
    if (const std::size_t mark = name.find('!'); mark != std::string_view::npos) {
      if (mark + 2 != name.size()) Fail("a format's conversion must be !s, !r or !a");
      conversion = name[mark + 1];
      name = name.substr(0, mark);
    }
    Value value = Lookup(name);
    const std::string spec = colon == std::string_view::npos ? "" : Run(field.substr(colon + 1), depth - 1);
    if (conversion == 's') value = in_.Text(Str(value));
    if (conversion == 'r' || conversion == 'a') value = in_.Text(Repr(value));
    if (conversion != '\0' && conversion != 's' && conversion != 'r' && conversion != 'a') Fail("a format's conversion must be !s, !r or !a");
    std::string text = FormatSpec(in_, value, spec);
    return markup_ && !(value.is_string() && value.text().markup) ? EscapeHtml(text) : text;
  }

  // The first ':' or, inside of brackets, none.
  static std::size_t SpecBegin(std::string_view field) {
    bool bracket = false;
    for (std::size_t i = 0; i < field.size(); ++i) {
      if (field[i] == '[') bracket = true;
      if (field[i] == ']') bracket = false;
      if (field[i] == ':' && !bracket) return i;
    }
    return std::string_view::npos;
  }

  Value Lookup(std::string_view name) {
    const std::size_t end = name.find_first_of(".[");
    Value value = First(name.substr(0, end));
    std::string_view rest = end == std::string_view::npos ? std::string_view() : name.substr(end);
    while (!rest.empty()) {
      if (rest[0] == '.') {
        const std::size_t stop = std::min(rest.find_first_of(".[", 1), rest.size());
        if (stop == 1) Fail("a format has an empty attribute");
        value = GetAttribute(in_, value, std::make_shared<const std::string>(rest.substr(1, stop - 1)));
        rest.remove_prefix(stop);
      } else {
        const std::size_t stop = rest.find(']');
        if (rest[0] != '[' || stop == std::string_view::npos || stop == 1) Fail("a format has a field that does not end");
        const std::string key(rest.substr(1, stop - 1));
        const auto index = Index(key);
        value = GetItem(in_, value, index ? Value(*index) : in_.Text(key));
        rest.remove_prefix(stop + 1);
      }
    }
    return value;
  }

  static std::optional<std::int64_t> Index(std::string_view text) {
    if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
    return std::stoll(std::string(text));
  }

  Value First(std::string_view name) {
    auto index = Index(name);
    if (name.empty()) {
      if (numbering_ == Numbering::kManual) Fail("a format mixes numbered fields with others");
      numbering_ = Numbering::kAutomatic;
      index = next_++;
    } else if (index) {
      if (numbering_ == Numbering::kAutomatic) Fail("a format mixes numbered fields with others");
      numbering_ = Numbering::kManual;
    }
    if (index) {
      if (*index >= static_cast<std::int64_t>(arguments_.positional.size())) Fail("a format has more fields than values");
      return arguments_.positional[static_cast<std::size_t>(*index)];
    }
    for (const auto& [given, value] : arguments_.named) {
      if (given == name) return value;
    }
    Fail("a format names \"" + std::string(name.substr(0, 80)) + "\", which is not there");
  }

  enum class Numbering { kUnknown, kAutomatic, kManual };
  Interpreter& in_;
  const Arguments& arguments_;
  bool markup_;
  Numbering numbering_ = Numbering::kUnknown;
  std::int64_t next_ = 0;
};

}  // namespace

Value FormatBraces(Interpreter& in, const Text& pattern, const Arguments& arguments) {
  return in.Text(Braces(in, arguments, pattern.markup).Run(pattern.bytes), pattern.markup);
}

}  // namespace berth::jinja
