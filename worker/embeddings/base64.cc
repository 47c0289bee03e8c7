#include "worker/embeddings/base64.h"

#include <bit>
#include <cstdint>

namespace berth::serve {
namespace {

static_assert(std::endian::native == std::endian::little, "vectors are sent as their bytes in memory");

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void AppendGroup(std::uint32_t bits, int bytes, std::string& out) {
  for (int i = 0; i < 4; ++i) {
    out += i <= bytes ? kAlphabet[(bits >> (18 - 6 * i)) & 63] : '=';
  }
}

}  // namespace

void AppendBase64(std::span<const std::byte> bytes, std::string& out) {
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(bytes[i]); };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) AppendGroup(at(i) << 16 | at(i + 1) << 8 | at(i + 2), 3, out);
  if (bytes.size() - i == 1) AppendGroup(at(i) << 16, 1, out);
  if (bytes.size() - i == 2) AppendGroup(at(i) << 16 | at(i + 1) << 8, 2, out);
}

void AppendBase64(std::span<const float> vector, std::string& out) {
  AppendBase64(std::as_bytes(vector), out);
}

}  // namespace berth::serve
