// The methods of strings.
#include <algorithm>
#include <array>

#include "worker/jinja/arguments.h"
#include "worker/jinja/compare.h"
#include "worker/jinja/format.h"
#include "worker/jinja/interpreter.h"
#include "worker/jinja/iterate.h"
#include "worker/jinja/methods.h"
#include "worker/jinja/operators.h"
#include "worker/jinja/python_text.h"
#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

Value Like(Interpreter& in, const Value& self, std::string_view text) {
  return in.Text(std::string(text), self.text().markup);
}

std::string_view Needed(const Bound& bound, std::size_t index, const char* what) {
  const auto text = bound.Text(index);
  if (!text) Fail(std::string(what) + " must be a string, not None");
  return *text;
}

// Methods that turn one text into another.
template <std::string (*kChange)(std::string_view)>
Value Changed(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("this method", arguments, {});
  in.heap().Foresee(self.bytes().size());
  return Like(in, self, kChange(self.bytes()));
}

template <Side kSide>
Value Stripped(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("strip()", arguments, {"chars"});
  return Like(in, self, Strip(self.bytes(), bound.Text(0), kSide));
}

Value ListOf(Interpreter& in, const Value& self, const std::vector<std::string_view>& parts) {
  in.heap().Foresee(self.bytes().size() + parts.size() * (sizeof(Text) + sizeof(Value)));
  std::vector<Value> items;
  items.reserve(parts.size());
  for (const std::string_view part : parts) items.push_back(Like(in, self, part));
  return in.List(std::move(items));
}

template <auto kSplit>
Value SplitBy(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("split()", arguments, {"sep", "maxsplit"});
  const auto separator = bound.Text(0);
  if (separator && separator->empty()) Fail("split(): the separator is empty");
  in.heap().Foresee(self.bytes().size());
  return ListOf(in, self, kSplit(self.bytes(), separator, bound.Integer(1, -1)));
}

Value SplitByLines(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("splitlines()", arguments, {"keepends"});
  return ListOf(in, self, SplitLines(self.bytes(), bound.Flag(0, false)));
}

// The characters from `start` to `end`, Python's way; absent where start lies behind the end.
struct Window {
  std::string_view text;
  std::int64_t first;  // its first character's index
};
std::optional<Window> WindowOf(const Value& self, const Bound& bound) {
  const auto size = static_cast<std::int64_t>(self.text().points);
  const auto place = [&](std::size_t index, std::int64_t fallback) {
    const Value* value = bound.Find(index);
    std::int64_t at = value == nullptr || value->is_none() ? fallback : bound.Integer(index);
    if (at < 0) at = std::max<std::int64_t>(at + size, 0);
    return at;
  };
  const std::int64_t start = place(1, 0);
  const std::int64_t end = std::min(place(2, size), size);
  if (start > end) return std::nullopt;
  const std::string_view bytes = self.bytes();
  const std::size_t from = self.text().ascii() ? static_cast<std::size_t>(start) : ByteOf(bytes, static_cast<std::size_t>(start));
  const std::size_t to = self.text().ascii() ? static_cast<std::size_t>(end) : ByteOf(bytes, static_cast<std::size_t>(end));
  return Window{bytes.substr(from, to - from), start};
}

template <bool kStart>
Value HasEdge(Interpreter&, const Value& self, const Arguments& arguments) {
  const Bound bound(kStart ? "startswith()" : "endswith()", arguments, {"prefix", "start", "end"}, 1);
  const auto window = WindowOf(self, bound);
  const auto fits = [&](const Value& edge) {
    if (!edge.is_string()) Fail(std::string(kStart ? "startswith()" : "endswith()") + " takes a string, or a tuple of strings, not '" + TypeName(edge) + "'");
    return window && (kStart ? window->text.starts_with(edge.bytes()) : window->text.ends_with(edge.bytes()));
  };
  const Value& edge = bound.At(0);
  if (!edge.is(Kind::kSequence) || edge.sequence().shape != Shape::kTuple) return fits(edge);
  return std::ranges::any_of(edge.sequence().items, fits);
}

enum class Search { kFind, kRightFind, kIndex, kRightIndex };
template <Search kHow>
Value Found(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("find()", arguments, {"sub", "start", "end"}, 1);
  const std::string_view part = Needed(bound, 0, "find()'s argument");
  const bool right = kHow == Search::kRightFind || kHow == Search::kRightIndex;
  const auto window = WindowOf(self, bound);
  in.heap().Foresee(self.bytes().size());
  const std::size_t at = !window ? std::string_view::npos : right ? window->text.rfind(part) : window->text.find(part);
  if (at != std::string_view::npos) {
    return window->first + static_cast<std::int64_t>(PointCount(window->text.substr(0, at)));
  }
  if (kHow == Search::kIndex || kHow == Search::kRightIndex) Fail("substring not found");
  return std::int64_t{-1};
}

Value Counted(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("count()", arguments, {"sub", "start", "end"}, 1);
  const auto window = WindowOf(self, bound);
  in.heap().Foresee(self.bytes().size());
  const std::string_view part = Needed(bound, 0, "count()'s argument");
  return window ? static_cast<std::int64_t>(CountOf(window->text, part)) : std::int64_t{0};
}

Value Replaced(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("replace()", arguments, {"old", "new", "count"}, 2);
  const std::string_view old = Needed(bound, 0, "replace()'s first argument");
  const std::string_view by = Needed(bound, 1, "replace()'s second argument");
  const std::size_t times = CountOf(self.bytes(), old);
  in.heap().Foresee(self.bytes().size() + times * by.size());
  const bool escape = self.text().markup && !bound.At(1).text().markup;
  return Like(in, self, Replace(self.bytes(), old, escape ? EscapeHtml(by) : std::string(by), bound.Integer(2, -1)));
}

Value Joined(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("join()", arguments, {"iterable"}, 1);
  std::string out;
  Iterator each(in, bound.At(0));
  for (bool first = true; const auto item = each.Next(); first = false) {
    if (!item->is_string()) Fail("join() takes strings, not '" + TypeName(*item) + "'");
    in.heap().Foresee(out.size() + self.bytes().size() + item->bytes().size());
    if (!first) out += self.bytes();
    out += self.text().markup && !item->text().markup ? EscapeHtml(item->bytes()) : item->bytes();
  }
  return Like(in, self, out);
}

template <bool kPrefix>
Value WithoutEdge(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound(kPrefix ? "removeprefix()" : "removesuffix()", arguments, {"edge"}, 1);
  const std::string_view edge = Needed(bound, 0, "its argument");
  std::string_view text = self.bytes();
  if (kPrefix && text.starts_with(edge)) text.remove_prefix(edge.size());
  if (!kPrefix && text.ends_with(edge)) text.remove_suffix(edge.size());
  return Like(in, self, text);
}

template <bool kRight>
Value Partitioned(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("partition()", arguments, {"sep"}, 1);
  const std::string_view separator = Needed(bound, 0, "partition()'s argument");
  if (separator.empty()) Fail("partition(): the separator is empty");
  const std::string_view text = self.bytes();
  const std::size_t at = kRight ? text.rfind(separator) : text.find(separator);
  std::array<std::string_view, 3> parts = {kRight ? "" : text, "", kRight ? text : ""};
  if (at != std::string_view::npos) parts = {text.substr(0, at), separator, text.substr(at + separator.size())};
  std::vector<Value> items;
  for (const std::string_view part : parts) items.push_back(Like(in, self, part));
  return in.List(std::move(items), Shape::kTuple);
}

// Every character is of the kind, and there is one.
template <class Is>
bool AllOf(std::string_view text, Is is) {
  for (std::size_t at = 0; at < text.size();) {
    if (!is(text::DecodeAt(text, at))) return false;
  }
  return !text.empty();
}

bool IsLetter(char32_t point) {
  return text::IsWord(point) && !text::IsNumeric(point) && !text::IsMark(point) && point != '_' && point != 0x200C &&
         point != 0x200D && !text::IsPunctuation(point);
}

bool IsDecimal(char32_t point) { return text::IsWord(point) && text::IsNumeric(point); }

template <auto kIs>
Value AllAre(Interpreter&, const Value& self, const Arguments& arguments) {
  const Bound bound("this method", arguments, {});
  return AllOf(self.bytes(), kIs);
}

bool IsAlphanumeric(char32_t point) { return IsLetter(point) || text::IsNumeric(point); }

template <bool kUpper>
Value IsCase(Interpreter&, const Value& self, const Arguments& arguments) {
  const Bound bound(kUpper ? "isupper()" : "islower()", arguments, {});
  bool any = false;
  const std::string_view text = self.bytes();
  for (std::size_t at = 0; at < text.size();) {
    const char32_t point = text::DecodeAt(text, at);
    const bool right = kUpper ? IsUpperCase(point) : IsLowerCase(point);
    if (IsCased(point) && !right) return false;
    any |= right;
  }
  return any;
}

Value IsTitled(Interpreter&, const Value& self, const Arguments& arguments) {
  const Bound bound("istitle()", arguments, {});
  bool any = false, in_word = false;
  const std::string_view text = self.bytes();
  for (std::size_t at = 0; at < text.size();) {
    const char32_t point = text::DecodeAt(text, at);
    if (IsCased(point) && IsLowerCase(point) != in_word) return false;
    any |= IsCased(point);
    in_word = IsCased(point);
  }
  return any;
}

enum class Pad { kLeft, kRight, kCenter };
template <Pad kHow>
Value Padded(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("this method", arguments, {"width", "fillchar"}, 1);
  const std::string_view fill = bound.Text(1).value_or(" ");
  if (PointCount(fill) != 1) Fail("the fill character must be one character");
  const std::int64_t missing = bound.Integer(0) - static_cast<std::int64_t>(self.text().points);
  if (missing <= 0) return self;
  in.heap().Foresee(static_cast<std::uint64_t>(missing) * fill.size());
  // Python's center() gives the odd one to the left when the width is odd.
  const std::int64_t left = kHow == Pad::kLeft ? 0 : kHow == Pad::kRight ? missing : missing / 2 + (missing & bound.Integer(0) & 1);
  std::string out;
  for (std::int64_t i = 0; i < left; ++i) out += fill;
  out += self.bytes();
  for (std::int64_t i = left; i < missing; ++i) out += fill;
  return Like(in, self, out);
}

Value ZeroFilled(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("zfill()", arguments, {"width"}, 1);
  const std::int64_t missing = bound.Integer(0) - static_cast<std::int64_t>(self.text().points);
  if (missing <= 0) return self;
  in.heap().Foresee(static_cast<std::uint64_t>(missing));
  const bool has_sign = self.bytes().starts_with('-') || self.bytes().starts_with('+');
  std::string out = self.bytes().substr(0, has_sign ? 1 : 0) + std::string(static_cast<std::size_t>(missing), '0');
  return Like(in, self, out + self.bytes().substr(has_sign ? 1 : 0));
}

Value Expanded(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("expandtabs()", arguments, {"tabsize"});
  const std::int64_t size = bound.Integer(0, 8);
  std::string out;
  std::int64_t column = 0;
  const std::string& text = self.bytes();
  in.heap().Foresee(text.size() + static_cast<std::uint64_t>(std::max<std::int64_t>(size, 0)) * CountOf(text, "\t"));
  for (const char c : text) {
    if (c == '\t') {
      const std::int64_t spaces = size > 0 ? size - column % size : 0;
      out.append(static_cast<std::size_t>(spaces), ' ');
      column += spaces;
      continue;
    }
    out += c;
    if (!text::IsContinuation(c)) ++column;
    if (c == '\n' || c == '\r') column = 0;
  }
  return Like(in, self, out);
}

Value Formatted(Interpreter& in, const Value& self, const Arguments& arguments) {
  return FormatBraces(in, self.text(), arguments);
}

Value FormattedByMap(Interpreter& in, const Value& self, const Arguments& arguments) {
  const Bound bound("format_map()", arguments, {"mapping"}, 1);
  if (!bound.At(0).is(Kind::kMapping)) Fail("format_map() takes a mapping");
  Arguments named;
  for (const auto& [key, value] : bound.At(0).mapping().entries) {
    if (key.is_string()) named.named.emplace_back(key.bytes(), value);
  }
  return FormatBraces(in, self.text(), named);
}

constexpr Method kMethods[] = {
    {"capitalize", Changed<Capitalize>},
    {"casefold", Changed<Lower>},
    {"center", Padded<Pad::kCenter>},
    {"count", Counted},
    {"endswith", HasEdge<false>},
    {"expandtabs", Expanded},
    {"find", Found<Search::kFind>},
    {"format", Formatted},
    {"format_map", FormattedByMap},
    {"index", Found<Search::kIndex>},
    {"isalnum", AllAre<IsAlphanumeric>},
    {"isalpha", AllAre<IsLetter>},
    {"isdecimal", AllAre<IsDecimal>},
    {"isdigit", AllAre<IsDecimal>},
    {"islower", IsCase<false>},
    {"isnumeric", AllAre<text::IsNumeric>},
    {"isspace", AllAre<IsSpace>},
    {"istitle", IsTitled},
    {"isupper", IsCase<true>},
    {"join", Joined},
    {"ljust", Padded<Pad::kLeft>},
    {"lower", Changed<Lower>},
    {"lstrip", Stripped<Side::kLeft>},
    {"partition", Partitioned<false>},
    {"removeprefix", WithoutEdge<true>},
    {"removesuffix", WithoutEdge<false>},
    {"replace", Replaced},
    {"rfind", Found<Search::kRightFind>},
    {"rindex", Found<Search::kRightIndex>},
    {"rjust", Padded<Pad::kRight>},
    {"rpartition", Partitioned<true>},
    {"rsplit", SplitBy<SplitRight>},
    {"rstrip", Stripped<Side::kRight>},
    {"split", SplitBy<Split>},
    {"splitlines", SplitByLines},
    {"startswith", HasEdge<true>},
    {"strip", Stripped<Side::kBoth>},
    {"swapcase", Changed<SwapCase>},
    {"title", Changed<Title>},
    {"upper", Changed<Upper>},
    {"zfill", ZeroFilled},
};

}  // namespace

const Method* FindTextMethod(std::string_view name) {
  const auto* found = std::ranges::find(kMethods, name, &Method::name);
  return found == std::end(kMethods) ? nullptr : found;
}

}  // namespace berth::jinja
