#include "worker/jinja/print.h"

#include <utf8proc.h>

#include <array>
#include <charconv>
#include <cmath>

#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

// Python's str.isprintable: no control, no private, no unassigned characters, no spaces but the one.
bool IsPrintable(char32_t point) {
  if (point < 0x80) return point >= 0x20 && point < 0x7F;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

void AppendHex(std::string& out, char32_t point) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const int digits = point < 0x100 ? 2 : point < 0x10000 ? 4 : 8;
  out += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kDigits[(point >> shift) & 15];
}

void AppendEscaped(std::string& out, char32_t point, char quote) {
  if (point == '\n') {
    out += "\\n";
  } else if (point == '\r') {
    out += "\\r";
  } else if (point == '\t') {
    out += "\\t";
  } else if (point == '\\' || point == static_cast<unsigned char>(quote)) {
    out += '\\';
    out += static_cast<char>(point);
  } else if (IsPrintable(point)) {
    text::Append(out, point);
  } else {
    AppendHex(out, point);
  }
}

void AppendRepr(std::string& out, const Value& value, int depth);

void AppendList(std::string& out, const std::vector<Value>& items, int depth) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    AppendRepr(out, items[i], depth + 1);
  }
}

void AppendSequence(std::string& out, const Sequence& sequence, int depth) {
  switch (sequence.shape) {
    case Shape::kRange: out += sequence.range; return;
    case Shape::kTuple:
    case Shape::kGroup:
      out += '(';
      AppendList(out, sequence.items, depth);
      out += sequence.items.size() == 1 ? ",)" : ")";
      return;
    case Shape::kKeys: out += "dict_keys("; break;
    case Shape::kValues: out += "dict_values("; break;
    case Shape::kItems: out += "dict_items("; break;
    case Shape::kList: break;
  }
  out += '[';
  AppendList(out, sequence.items, depth);
  out += sequence.shape == Shape::kList ? "]" : "])";
}

void AppendMapping(std::string& out, const Mapping& mapping, int depth) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : mapping.entries) {
    if (!std::exchange(first, false)) out += ", ";
    AppendRepr(out, key, depth + 1);
    out += ": ";
    AppendRepr(out, value, depth + 1);
  }
  out += '}';
}

// A value can hold another many times, and a namespace itself: so what comes out is bounded here, too.
constexpr std::size_t kMostReprBytes = std::size_t{64} << 20;

void AppendRepr(std::string& out, const Value& value, int depth) {
  if (depth > 2 * kMostValueDepth) FailLimit("a value nests too deep to write down; does a namespace hold itself?");
  if (out.size() > kMostReprBytes) FailLimit("a value takes more than 64 MiB to write down");
  switch (value.kind()) {
    case Kind::kUndefined: out += "Undefined"; return;
    case Kind::kNone: out += "None"; return;
    case Kind::kBool: out += value.boolean() ? "True" : "False"; return;
    case Kind::kInteger: out += std::to_string(value.integer()); return;
    case Kind::kFloat: out += FloatText(value.number()); return;
    case Kind::kString:
      out += value.text().markup ? "Markup(" + ReprText(value.bytes()) + ")" : ReprText(value.bytes());
      return;
    case Kind::kSequence: return AppendSequence(out, value.sequence(), depth);
    case Kind::kMapping: return AppendMapping(out, value.mapping(), depth);
    case Kind::kObject: out += value.object().Repr(depth); return;
  }
}

}  // namespace

std::string FloatText(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::array<char, 40> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::scientific).ptr;
  std::string text(buffer.data(), end);
  const std::size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  if (exponent < -4 || exponent >= 16) return text;  // 1e-05, 1.5e+16: as Python writes them
  const auto fixed = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed).ptr;
  text.assign(buffer.data(), fixed);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::string ReprText(std::string_view utf8) {
  const bool single = utf8.find('\'') == std::string_view::npos || utf8.find('"') != std::string_view::npos;
  const char quote = single ? '\'' : '"';
  std::string out(1, quote);
  for (std::size_t at = 0; at < utf8.size();) AppendEscaped(out, text::DecodeAt(utf8, at), quote);
  out += quote;
  return out;
}

std::string Repr(const Value& value, int depth) {
  std::string out;
  AppendRepr(out, value, depth);
  return out;
}

std::string Str(const Value& value) {
  if (value.is_undefined()) return {};
  return value.is_string() ? value.bytes() : Repr(value);
}

std::string_view StrView(const Value& value, std::string& storage) {
  if (value.is_string()) return value.bytes();
  return storage = Str(value);
}

}  // namespace berth::jinja
