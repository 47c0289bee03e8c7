#include "worker/jinja/python_text.h"

#include <algorithm>

#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

bool IsLineEnd(char32_t point) {
  return (point >= 0x0A && point <= 0x0D) || (point >= 0x1C && point <= 0x1E) || point == 0x85 || point == 0x2028 ||
         point == 0x2029;
}

bool Holds(std::string_view chars, char32_t point) {
  for (std::size_t at = 0; at < chars.size();) {
    if (text::DecodeAt(chars, at) == point) return true;
  }
  return false;
}

// The byte before which the last character begins.
std::size_t Before(std::string_view text, std::size_t at) {
  do --at;
  while (at > 0 && text::IsContinuation(text[at]));
  return at;
}

std::vector<std::string_view> SplitSpace(std::string_view text, std::int64_t most) {
  std::vector<std::string_view> parts;
  std::string_view rest = Strip(text, std::nullopt, Side::kLeft);
  while (!rest.empty()) {
    if (most >= 0 && static_cast<std::int64_t>(parts.size()) == most) {
      parts.push_back(Strip(rest, std::nullopt, Side::kRight));
      break;
    }
    std::size_t end = 0;
    for (std::size_t at = 0; at < rest.size(); end = at) {
      if (IsSpace(text::DecodeAt(rest, at))) break;
    }
    parts.push_back(rest.substr(0, end));
    rest = Strip(rest.substr(end), std::nullopt, Side::kLeft);
  }
  return parts;
}

std::vector<std::string_view> SplitSpaceRight(std::string_view text, std::int64_t most) {
  std::vector<std::string_view> parts;
  std::string_view rest = Strip(text, std::nullopt, Side::kRight);
  while (!rest.empty()) {
    if (most >= 0 && static_cast<std::int64_t>(parts.size()) == most) {
      parts.push_back(Strip(rest, std::nullopt, Side::kLeft));
      break;
    }
    std::size_t begin = rest.size();
    while (begin > 0 && !IsSpace(text::DecodeBefore(rest, begin))) begin = Before(rest, begin);
    parts.push_back(rest.substr(begin));
    rest = Strip(rest.substr(0, begin), std::nullopt, Side::kRight);
  }
  std::ranges::reverse(parts);
  return parts;
}

}  // namespace

bool IsSpace(char32_t point) { return text::IsWhitespace(point) || (point >= 0x1C && point <= 0x1F); }

std::string_view Strip(std::string_view text, std::optional<std::string_view> chars, Side side) {
  const auto goes = [&](char32_t point) { return chars ? Holds(*chars, point) : IsSpace(point); };
  std::size_t begin = 0;
  if (side != Side::kRight) {
    for (std::size_t at = 0; at < text.size(); begin = at) {
      if (!goes(text::DecodeAt(text, at))) break;
    }
  }
  std::size_t end = text.size();
  while (side != Side::kLeft && end > begin && goes(text::DecodeBefore(text, end))) end = Before(text, end);
  return text.substr(begin, end - begin);
}

std::vector<std::string_view> Split(std::string_view text, std::optional<std::string_view> separator,
                                    std::int64_t most) {
  if (!separator) return SplitSpace(text, most);
  std::vector<std::string_view> parts;
  while (most < 0 || static_cast<std::int64_t>(parts.size()) < most) {
    const std::size_t at = text.find(*separator);
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(0, at));
    text.remove_prefix(at + separator->size());
  }
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> SplitRight(std::string_view text, std::optional<std::string_view> separator,
                                         std::int64_t most) {
  if (!separator) return SplitSpaceRight(text, most);
  std::vector<std::string_view> parts;
  while (most < 0 || static_cast<std::int64_t>(parts.size()) < most) {
    const std::size_t at = text.rfind(*separator);
    if (at == std::string_view::npos) break;
    parts.push_back(text.substr(at + separator->size()));
    text = text.substr(0, at);
  }
  parts.push_back(text);
  std::ranges::reverse(parts);
  return parts;
}

std::vector<std::string_view> SplitLines(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = at;
    const char32_t point = text::DecodeAt(text, at);
    if (!IsLineEnd(point)) continue;
    if (point == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(begin, (keep_ends ? at : end) - begin));
    begin = at;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::string Replace(std::string_view text, std::string_view old, std::string_view by, std::int64_t most) {
  std::string out;
  std::size_t at = 0;
  for (std::int64_t done = 0; most < 0 || done < most; ++done) {
    if (old.empty()) {  // before every character, and at the end
      out += by;
      if (at >= text.size()) return out;
      const std::size_t begin = at;
      text::DecodeAt(text, at);
      out += text.substr(begin, at - begin);
      continue;
    }
    const std::size_t found = text.find(old, at);
    if (found == std::string_view::npos) break;
    out += text.substr(at, found - at);
    out += by;
    at = found + old.size();
  }
  out += text.substr(at);
  return out;
}

std::size_t CountOf(std::string_view text, std::string_view part) {
  if (part.empty()) return PointCount(text) + 1;
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

std::size_t PointCount(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !text::IsContinuation(c); }));
}

std::size_t ByteOf(std::string_view text, std::size_t point_index) {
  std::size_t at = 0;
  while (point_index > 0 && at < text.size()) {
    text::DecodeAt(text, at);
    --point_index;
  }
  return at;
}

}  // namespace berth::jinja
