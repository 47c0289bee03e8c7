#include "worker/text/byte_level.h"

#include <array>
#include <cstdint>

#include "worker/text/utf8.h"

namespace berth::text {
namespace {

bool StandsForItself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte != 0xAD);
}

constexpr char32_t kFirstOther = 0x100;
constexpr std::size_t kOthers = 68;
constexpr std::int16_t kNoByte = -1;

struct Tables {
  std::array<std::string, 256> spelling;                     // by byte
  std::array<std::int16_t, kFirstOther + kOthers> byte_of{};  // by code point

  Tables() {
    byte_of.fill(kNoByte);
    char32_t other = kFirstOther;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char32_t point = StandsForItself(byte) ? byte : other++;
      Append(spelling[byte], point);
      byte_of[point] = static_cast<std::int16_t>(byte);
    }
  }
};

const Tables& TheTables() {
  static const Tables tables;
  return tables;
}

}  // namespace

void AppendByteLevel(std::string_view bytes, std::string& text) {
  const auto& spelling = TheTables().spelling;
  for (const char byte : bytes) text += spelling[static_cast<unsigned char>(byte)];
}

void AppendSpelledBytes(std::string_view token, std::string& bytes) {
  const auto& byte_of = TheTables().byte_of;
  const std::size_t before = bytes.size();
  for (std::size_t at = 0; at < token.size();) {
    const char32_t point = DecodeAt(token, at);
    const std::int16_t byte = point < byte_of.size() ? byte_of[point] : kNoByte;
    if (byte == kNoByte) {
      bytes.resize(before);
      bytes += token;
      return;
    }
    bytes.push_back(static_cast<char>(byte));
  }
}

}  // namespace berth::text
