// The filters that make texts of texts.
#include <algorithm>

#include "worker/jinja/arguments.h"
#include "worker/jinja/compare.h"
#include "worker/jinja/filters.h"
#include "worker/jinja/format.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/iterate.h"
#include "worker/jinja/json.h"
#include "worker/jinja/methods.h"
#include "worker/jinja/operators.h"
#include "worker/jinja/print.h"
#include "worker/jinja/python_text.h"
#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::jinja::filters {
namespace {

// What is no text becomes one; Markup stays Markup.
Value SoftText(Interpreter& in, const Value& value) { return value.is_string() ? value : in.Text(Str(value)); }

template <std::string (*kChange)(std::string_view)>
Value Changed(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("this filter", arguments, {});
  const Value text = SoftText(in, value);
  in.heap().Foresee(text.bytes().size());
  return in.Text(kChange(text.bytes()), text.text().markup);
}

const Text& TextOnly(const Value& value, const char* filter) {
  if (value.is_undefined()) FailUndefined(value.undefined());
  if (!value.is_string()) Fail(std::string("the filter ") + filter + " needs a string, not '" + TypeName(value) + "'");
  return value.text();
}

// jinja's title: words begin behind white space and - ( { [ <.
std::string TitleWords(std::string_view text) {
  std::string out;
  bool begins = true;
  std::size_t word = 0;
  const auto flush = [&](std::size_t end) {
    if (end == word) return;
    std::size_t first = word;
    text::DecodeAt(text, first);
    out += jinja::Upper(text.substr(word, first - word));
    out += jinja::Lower(text.substr(first, end - first));
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t here = at;
    const char32_t point = text::DecodeAt(text, at);
    const bool separates = IsSpace(point) || point == '-' || point == '(' || point == '{' || point == '[' || point == '<';
    if (separates) {
      if (!begins) flush(here);
      out += text.substr(here, at - here);
      begins = true;
      word = at;
    } else if (begins) {
      begins = false;
      word = here;
    }
  }
  if (!begins) flush(text.size());
  return out;
}

}  // namespace

Value Capitalize(Interpreter& in, const Value& value, const Arguments& arguments) { return Changed<jinja::Capitalize>(in, value, arguments); }
Value Lower(Interpreter& in, const Value& value, const Arguments& arguments) { return Changed<jinja::Lower>(in, value, arguments); }
Value Upper(Interpreter& in, const Value& value, const Arguments& arguments) { return Changed<jinja::Upper>(in, value, arguments); }

Value Title(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("title", arguments, {});
  return in.Text(TitleWords(SoftText(in, value).bytes()));
}

Value Center(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("center", arguments, {"width"});
  Arguments width;
  width.positional.emplace_back(bound.Integer(0, 80));
  return FindMethod(in.Text(""), "center")->call(in, SoftText(in, value), width);
}

Value Trim(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("trim", arguments, {"chars"});
  const Value text = SoftText(in, value);
  return in.Text(std::string(Strip(text.bytes(), bound.Text(0), Side::kBoth)), text.text().markup);
}

Value String(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("string", arguments, {});
  return SoftText(in, value);
}

Value Safe(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("safe", arguments, {});
  return in.Text(Str(value), true);
}

Value Escape(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("escape", arguments, {});
  if (value.is_string() && value.text().markup) return value;
  return ForceEscape(in, value, arguments);
}

Value ForceEscape(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("forceescape", arguments, {});
  const std::string text = Str(value);
  in.heap().Foresee(text.size() * 6);
  return in.Text(EscapeHtml(text), true);
}

Value Format(Interpreter& in, const Value& value, const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) Fail("format takes values by position or by name, not both");
  const Value pattern = SoftText(in, value);
  if (arguments.named.empty()) return FormatPercent(in, pattern.text(), in.List(arguments.positional, Shape::kTuple));
  Mapping::Entries entries;
  for (const auto& [name, given] : arguments.named) entries.emplace_back(in.Text(name), given);
  return FormatPercent(in, pattern.text(), in.Dict(std::move(entries)));
}

Value Replace(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"}, 2);
  const std::string text = Str(value), old = Str(bound.At(0)), by = Str(bound.At(1));
  const bool unbounded = bound.Find(2) == nullptr || bound.At(2).is_none();
  in.heap().Foresee(text.size() + CountOf(text, old) * by.size());
  return in.Text(jinja::Replace(text, old, by, unbounded ? -1 : bound.Integer(2)));
}

Value Indent(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("indent", arguments, {"width", "first", "blank"});
  const Text& text = TextOnly(value, "indent");
  const bool given_text = bound.Find(0) != nullptr && bound.At(0).is_string();
  const std::int64_t width = given_text ? 0 : std::max<std::int64_t>(bound.Integer(0, 4), 0);
  if (width > 4096) Fail("indent: a width of more than 4096");
  const std::string indention = given_text ? std::string(*bound.Text(0)) : std::string(static_cast<std::size_t>(width), ' ');
  const std::string whole = text.bytes + "\n";
  const std::vector<std::string_view> lines = SplitLines(whole, false);
  in.heap().Foresee(whole.size() + lines.size() * (indention.size() + sizeof(std::string_view)));
  const bool blank = bound.Flag(2, false);
  std::string out = bound.Flag(1, false) ? indention : std::string();
  bool first = true;
  for (const std::string_view line : lines) {
    if (!std::exchange(first, false)) {
      out += '\n';
      if (blank || !line.empty()) out += indention;
    }
    out += line;
  }
  return in.Text(std::move(out), text.markup);
}

Value Truncate(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("truncate", arguments, {"length", "killwords", "end", "leeway"});
  const std::int64_t length = bound.Integer(0, 255);
  const std::string_view end = bound.Text(2).value_or("...");
  const bool no_leeway = bound.Find(3) == nullptr || bound.At(3).is_none();
  const std::int64_t leeway = no_leeway ? 5 : bound.Integer(3);
  const auto end_points = static_cast<std::int64_t>(PointCount(end));
  if (length < end_points || leeway < 0) Fail("truncate: the length must be at least that of the end, and the leeway not negative");
  if (jinja::Length(in, value) <= length + leeway) return value;
  const Text& text = TextOnly(value, "truncate");
  std::string_view kept = std::string_view(text.bytes).substr(0, ByteOf(text.bytes, static_cast<std::size_t>(length - end_points)));
  if (!bound.Flag(1, false)) {
    if (const std::size_t space = kept.rfind(' '); space != std::string_view::npos) kept = kept.substr(0, space);
  }
  return in.Text(std::string(kept) + (text.markup ? EscapeHtml(end) : std::string(end)), text.markup);
}

Value WordCount(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("wordcount", arguments, {});
  const Value text = SoftText(in, value);
  std::int64_t words = 0;
  bool in_word = false;
  for (std::size_t at = 0; at < text.bytes().size();) {
    const char32_t point = text::DecodeAt(text.bytes(), at);
    // Python's \w: letters, numbers of all kinds and the underscore; no marks, no joiners.
    const bool word = point == '_' || text::IsNumeric(point) ||
                      (text::IsWord(point) && !text::IsMark(point) && !text::IsPunctuation(point) && point != 0x200C && point != 0x200D);
    words += word && !in_word;
    in_word = word;
  }
  return words;
}

namespace {

std::string Quoted(std::string_view text, bool for_query) {
  static constexpr std::string_view kSafe = "_.-~";
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || kSafe.find(c) != std::string_view::npos || (c == '/' && !for_query)) {
      out += c;
    } else if (c == ' ' && for_query) {
      out += '+';
    } else {
      out += {'%', kDigits[static_cast<unsigned char>(c) >> 4], kDigits[c & 15]};
    }
  }
  return out;
}

}  // namespace

Value UrlEncode(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("urlencode", arguments, {});
  if (!value.is(Kind::kMapping)) {
    if (value.is(Kind::kSequence) || value.is(Kind::kObject)) Fail("urlencode takes a string or a mapping here");
    return in.Text(Quoted(Str(value), false));
  }
  std::string out;
  for (const auto& [key, item] : value.mapping().entries) {
    if (!out.empty()) out += '&';
    out += Quoted(Str(key), true) + "=" + Quoted(Str(item), true);
    in.heap().Foresee(out.size());
  }
  return in.Text(std::move(out));
}

Value ToJson(Interpreter& in, const Value& value, const Arguments& arguments) {
  const Bound bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ensure_ascii = bound.Flag(0, false);
  style.sort_keys = bound.Flag(3, false);
  if (const Value* indent = bound.Find(1); indent != nullptr && !indent->is_none()) {
    const std::int64_t width = indent->is_string() ? 0 : std::max<std::int64_t>(bound.Integer(1), 0);
    if (width > 4096) Fail("tojson: an indent of more than 4096");
    style.indent = indent->is_string() ? indent->bytes() : std::string(static_cast<std::size_t>(width), ' ');
    style.item_separator = ",";
  }
  if (const Value* separators = bound.Find(2); separators != nullptr && !separators->is_none()) {
    const bool two = separators->is(Kind::kSequence) && separators->sequence().items.size() == 2 &&
                     separators->sequence().items[0].is_string() && separators->sequence().items[1].is_string();
    if (!two) Fail("tojson: separators must be two strings");
    style.item_separator = separators->sequence().items[0].bytes();
    style.key_separator = separators->sequence().items[1].bytes();
  }
  return in.Text(jinja::ToJson(in.heap(), value, style));
}

}  // namespace berth::jinja::filters
