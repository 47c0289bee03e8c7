// The part of python_text.h that knows upper and lower case.
#include <utf8proc.h>

#include <algorithm>
#include <iterator>

#include "worker/jinja/long_cases.h"
#include "worker/jinja/python_text.h"
#include "worker/text/unicode.h"
#include "worker/text/utf8.h"

namespace berth::jinja {
namespace {

utf8proc_category_t CategoryOf(char32_t point) { return utf8proc_category(static_cast<utf8proc_int32_t>(point)); }

const LongCase* FindLongCase(char32_t point) {
  const auto* found = std::ranges::lower_bound(kLongCases, point, {}, &LongCase::point);
  return found != std::end(kLongCases) && found->point == point ? found : nullptr;
}

void AppendUpper(std::string& out, char32_t point) {
  if (const LongCase* special = FindLongCase(point)) {
    out += special->upper;
  } else {
    text::Append(out, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(point))));
  }
}

void AppendTitle(std::string& out, char32_t point) {
  if (const LongCase* special = FindLongCase(point)) {
    out += special->title;
  } else {
    text::Append(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(point))));
  }
}

// What stands inside words without being a letter: marks, apostrophes, joiners.
bool IsCaseIgnorable(char32_t point) {
  switch (CategoryOf(point)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_SK: return true;
    default: break;
  }
  static constexpr std::u32string_view kWordMarks = U"'.:\u00B7\u0387\u055F\u05F4\u2018\u2019\u2024\u2027\uFE13\uFE52\uFE55\uFF07\uFF0E\uFF1A";
  return kWordMarks.find(point) != std::u32string_view::npos;
}

// The sigma that ends a word is written ς: a letter stands somewhere before it, and none behind.
bool IsFinalSigma(std::string_view text, std::size_t begin, std::size_t end) {
  bool before = false;
  while (begin > 0) {
    const char32_t point = text::DecodeBefore(text, begin);
    if (!IsCaseIgnorable(point)) {
      before = IsCased(point);
      break;
    }
    do --begin;
    while (text::IsContinuation(text[begin]));
  }
  while (before && end < text.size()) {
    const char32_t point = text::DecodeAt(text, end);
    if (!IsCaseIgnorable(point)) return !IsCased(point);
  }
  return before;
}

// The character that ends at `end`, lowered.
void AppendLower(std::string& out, std::string_view text, std::size_t begin, std::size_t end, char32_t point) {
  if (point == 0x3A3) {
    text::Append(out, IsFinalSigma(text, begin, end) ? 0x3C2 : 0x3C3);
  } else {
    text::AppendLowercase(out, point);
  }
}

}  // namespace

bool IsUpperCase(char32_t point) {
  return CategoryOf(point) == UTF8PROC_CATEGORY_LU || (point >= 0x2160 && point <= 0x216F) ||
         (point >= 0x24B6 && point <= 0x24CF);
}

bool IsLowerCase(char32_t point) {
  return CategoryOf(point) == UTF8PROC_CATEGORY_LL || point == 0xAA || point == 0xBA ||
         (point >= 0x2170 && point <= 0x217F) || (point >= 0x24D0 && point <= 0x24E9);
}

bool IsCased(char32_t point) {
  return IsUpperCase(point) || IsLowerCase(point) || CategoryOf(point) == UTF8PROC_CATEGORY_LT;
}

std::string Upper(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) AppendUpper(out, text::DecodeAt(text, at));
  return out;
}

std::string Lower(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = text::DecodeAt(text, at);
    AppendLower(out, text, begin, at, point);
  }
  return out;
}

std::string Capitalize(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = text::DecodeAt(text, at);
    if (begin == 0) {
      AppendTitle(out, point);
    } else {
      AppendLower(out, text, begin, at, point);
    }
  }
  return out;
}

std::string Title(std::string_view text) {
  std::string out;
  bool in_word = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = text::DecodeAt(text, at);
    if (in_word) {
      AppendLower(out, text, begin, at, point);
    } else {
      AppendTitle(out, point);
    }
    in_word = IsCased(point);
  }
  return out;
}

std::string SwapCase(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = text::DecodeAt(text, at);
    if (IsUpperCase(point)) {
      AppendLower(out, text, begin, at, point);
    } else if (IsLowerCase(point)) {
      AppendUpper(out, point);
    } else {
      text::Append(out, point);
    }
  }
  return out;
}

}  // namespace berth::jinja
