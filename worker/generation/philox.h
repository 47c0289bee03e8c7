// A counter-based random generator: the numbers are a function of key and counter, with no state between them, so a
// draw can be made again wherever and whenever. Philox4x32-10 of Salmon, Moraes, Dror and Shaw 2011, "Parallel random
// numbers: as easy as 1, 2, 3". Pure.
#pragma once

#include <array>
#include <cstdint>

namespace berth::engine {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

constexpr PhiloxCounter Philox(PhiloxCounter counter, PhiloxKey key) {
  constexpr int kRounds = 10;
  constexpr std::uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;  // of the golden ratio, and of √3
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t product0 = kMultiplier0 * counter[0];
    const std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
    key = {key[0] + kWeyl0, key[1] + kWeyl1};
  }
  return counter;
}

// In [0, 1), a multiple of 2⁻⁵³: the draw of position `position` of choice `choice` under `seed`.
constexpr double Uniform(std::uint64_t seed, std::uint32_t choice, std::uint64_t position) {
  const PhiloxCounter drawn =
      Philox({static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), choice, 0},
             {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
  const std::uint64_t bits = (std::uint64_t{drawn[0]} << 32 | drawn[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace berth::engine
