// The one source of chance of a simulation: everything that happens follows from the seed, on every machine
// (the distributions of <random> are not the same everywhere).
#pragma once

#include <cstdint>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/duration.h"

namespace berth::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t Next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  // Least … most, both possible.
  std::int64_t Between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(Next() % static_cast<std::uint64_t>(most - least + 1));
  }
  Duration Between(Duration least, Duration most) { return Duration(Between(least.count(), most.count())); }
  // Short times as likely as long ones: the exponent is uniform. `least` above 0.
  Duration Skewed(Duration least, Duration most);
  bool Percent(double chance) { return static_cast<double>(Next() >> 11) * 0x1p-53 * 100 < chance; }
  std::size_t Index(std::size_t size) { return static_cast<std::size_t>(Next() % size); }
  template <class T>
  const T& Of(const std::vector<T>& all) {
    return all[Index(all.size())];
  }

 private:
  std::uint64_t state_;
};

inline Duration Random::Skewed(Duration least, Duration most) {
  // Doubles at most log2(most / least) times: integers only, so that no libm decides.
  std::int64_t high = least.count();
  std::int64_t steps = 0;
  while (high < most.count()) {
    high *= 2;
    ++steps;
  }
  const std::int64_t low = least.count() << Between(0, steps);
  return Between(Duration(low / 2), Duration(low < most.count() ? low : most.count()));
}

}  // namespace berth::sim
