// UTF-8, decoded and encoded. All stages after Repair() may assume valid text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace berth::text {

inline bool IsAscii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }
inline bool IsContinuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// The code point at `at`, which moves past it. The text must be valid and `at` the beginning of a character.
char32_t DecodeAt(std::string_view text, std::size_t& at);

// The code point that ends just before `at` > 0, in valid text.
char32_t DecodeBefore(std::string_view text, std::size_t at);

void Append(std::string& text, char32_t point);

// The index of the first byte at or after `at` that is (not) ASCII; the size of the text where there is none.
std::size_t SkipAscii(std::string_view text, std::size_t at);
std::size_t SkipNonAscii(std::string_view text, std::size_t at);

bool IsValidUtf8(std::string_view text);

// `text` itself when it is valid; else `storage`, a copy in which every ill-formed sequence (in maximal
// subparts, as the Unicode standard recommends) is U+FFFD.
std::string_view Repair(std::string_view text, std::string& storage);

}  // namespace berth::text
