// "<0x0A>": how SentencePiece vocabularies spell a byte of a character that has no token of its own. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace berth::text {

std::optional<char> ByteOfToken(std::string_view token);
std::string TokenOfByte(unsigned char byte);

}  // namespace berth::text
