// GPT-2's spelling of bytes as characters, so that a vocabulary of texts can hold any bytes: the 188 printable
// characters of Latin-1 stand for themselves, the other 68 bytes, in order, for U+0100, U+0101, … (the blank is "Ġ").
// Source: `bytes_to_unicode` of OpenAI's GPT-2. Pure.
#pragma once

#include <string>
#include <string_view>

namespace berth::text {

// Appends the characters of some bytes.
void AppendByteLevel(std::string_view bytes, std::string& text);

// Appends the bytes that a token spells. A token with a character that is none of the 256 stands for its own bytes:
// added tokens may be such.
void AppendSpelledBytes(std::string_view token, std::string& bytes);

}  // namespace berth::text
