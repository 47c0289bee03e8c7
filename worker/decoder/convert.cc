#include "worker/decoder/convert.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace berth::decoder {
namespace {

using checkpoint::Dtype;

// IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits.
float FromHalf(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1f, fraction = half & 0x3ff;
  if (exponent == 0) {  // zero, and numbers below 2^-14
    const float value = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 0x1f ? 0xff : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

float FromBfloat16(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

std::uint16_t ToBfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16) | 0x40);  // rounding could carry into the sign
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

template <class T>
T Read(const std::byte* from, std::size_t i) {
  T value;
  std::memcpy(&value, from + i * sizeof(T), sizeof(T));
  return value;
}

template <class Get>
void Write(std::size_t count, Dtype to_dtype, void* to, const Get& get) {
  if (to_dtype == Dtype::F32) {
    for (std::size_t i = 0; i < count; ++i) static_cast<float*>(to)[i] = get(i);
  } else {
    for (std::size_t i = 0; i < count; ++i) static_cast<std::uint16_t*>(to)[i] = ToBfloat16(get(i));
  }
}

}  // namespace

bool IsWeightDtype(Dtype dtype) { return dtype == Dtype::F32 || dtype == Dtype::F16 || dtype == Dtype::BF16; }

void ConvertWeights(const std::byte* from, Dtype dtype, std::size_t count, Dtype to_dtype, void* to) {
  if (dtype == to_dtype) {
    std::memcpy(to, from, count * checkpoint::DtypeSize(dtype));
  } else if (dtype == Dtype::F16) {
    Write(count, to_dtype, to, [from](std::size_t i) { return FromHalf(Read<std::uint16_t>(from, i)); });
  } else if (dtype == Dtype::BF16) {
    Write(count, to_dtype, to, [from](std::size_t i) { return FromBfloat16(Read<std::uint16_t>(from, i)); });
  } else {
    Write(count, to_dtype, to, [from](std::size_t i) { return Read<float>(from, i); });
  }
}

}  // namespace berth::decoder
