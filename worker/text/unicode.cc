#include "worker/text/unicode.h"

#include <utf8proc.h>

#include "worker/text/utf8.h"

namespace berth::text {
namespace {

utf8proc_category_t CategoryOf(char32_t point) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(point));
}

bool IsBetween(char32_t point, char32_t first, char32_t last) { return point >= first && point <= last; }

// Alphabetic by Other_Alphabetic though their category is So: letters in circles and squares.
bool IsEnclosedLetter(char32_t point) {
  return IsBetween(point, 0x24B6, 0x24E9) || IsBetween(point, 0x1F130, 0x1F149) ||
         IsBetween(point, 0x1F150, 0x1F169) || IsBetween(point, 0x1F170, 0x1F189);
}

}  // namespace

bool IsWhitespace(char32_t point) {
  if (point < 0x80) return point == ' ' || IsBetween(point, '\t', '\r');
  switch (point) {
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return IsBetween(point, 0x2000, 0x200A);
  }
}

bool IsPunctuation(char32_t point) {
  if (point < 0x80) {
    return IsBetween(point, 33, 47) || IsBetween(point, 58, 64) || IsBetween(point, 91, 96) ||
           IsBetween(point, 123, 126);
  }
  switch (CategoryOf(point)) {
    case UTF8PROC_CATEGORY_PC:
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO:
      return true;
    default:
      return false;
  }
}

bool IsNumeric(char32_t point) {
  const auto category = CategoryOf(point);
  return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
         category == UTF8PROC_CATEGORY_NO;
}

bool IsWord(char32_t point) {
  switch (CategoryOf(point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return point == 0x200C || point == 0x200D || IsEnclosedLetter(point);
  }
}

bool IsMark(char32_t point) {
  const auto category = CategoryOf(point);
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_ME;
}

bool IsNonspacingMark(char32_t point) { return CategoryOf(point) == UTF8PROC_CATEGORY_MN; }

bool IsControl(char32_t point) {
  const auto category = CategoryOf(point);
  return category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
         category == UTF8PROC_CATEGORY_CO;
}

bool IsCjkIdeograph(char32_t point) {
  // 0x2B920, where the block begins at 0x2B820: so it stands in the tokenizers that published models were
  // trained with.
  return IsBetween(point, 0x4E00, 0x9FFF) || IsBetween(point, 0x3400, 0x4DBF) ||
         IsBetween(point, 0xF900, 0xFAFF) || IsBetween(point, 0x20000, 0x2A6DF) ||
         IsBetween(point, 0x2A700, 0x2B73F) || IsBetween(point, 0x2B740, 0x2B81F) ||
         IsBetween(point, 0x2B920, 0x2CEAF) || IsBetween(point, 0x2F800, 0x2FA1F);
}

void AppendLowercase(std::string& text, char32_t point) {
  if (point < 0x80) {
    text.push_back(static_cast<char>(IsBetween(point, 'A', 'Z') ? point + 32 : point));
  } else if (point == 0x130) {
    text += "i\xCC\x87";  // the one character whose unconditional lower case is two
  } else {
    Append(text, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point))));
  }
}

std::string Lowercase(std::string_view text) {
  std::string lower;
  lower.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) AppendLowercase(lower, DecodeAt(text, at));
  return lower;
}

}  // namespace berth::text
