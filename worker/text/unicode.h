// The classes of characters that tokenizers speak of, by Unicode's general categories (from utf8proc). Pure
// functions of a code point. Other implementations may know an older Unicode: about 570 characters assigned
// after version 8, most of them marks and punctuation of rare scripts, can be cut or dropped differently
// there.
#pragma once

#include <string>
#include <string_view>

namespace berth::text {

bool IsWhitespace(char32_t point);  // the property White_Space
bool IsPunctuation(
    char32_t point);  // P*, and every ASCII character that is neither letter, digit, space nor control
bool IsNumeric(char32_t point);  // N*
bool IsWord(
    char32_t point);  // \w of regular expressions: letters, marks, decimal digits, connectors, joiners
bool IsMark(char32_t point);            // M*
bool IsNonspacingMark(char32_t point);  // Mn
bool IsControl(char32_t point);         // Cc, Cf, Co; unassigned characters are not
bool IsCjkIdeograph(char32_t point);    // the blocks that BERT splits character by character

// Appends the full lower-case mapping of one character, without context (a final sigma stays a plain one).
void AppendLowercase(std::string& text, char32_t point);

// The same for a whole text, which must be valid UTF-8.
std::string Lowercase(std::string_view text);

}  // namespace berth::text
