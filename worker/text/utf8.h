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

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// What U+FFFD stands for where bytes are no character.
enum class Replacement {
  kPerSequence,  // each ill-formed sequence (in maximal subparts, as the Unicode standard recommends)
  kPerByte,      // each byte
};

// Appends all of `bytes` but the beginning of a character at their end, which more bytes may complete. Returns how
// many it took: all but 3 at most.
std::size_t AppendCertain(std::string_view bytes, Replacement replacement, std::string& text);

// `text` itself when it is valid; else `storage`, a copy in which every ill-formed sequence (in maximal
// subparts, as the Unicode standard recommends) is U+FFFD.
std::string_view Repair(std::string_view text, std::string& storage);

}  // namespace berth::text
