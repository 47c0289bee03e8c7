// The angles of rotary position embeddings: position p turns pair i of a head by p · inverse[i]. Computed in float64,
// since a product of a position of 100,000 and a frequency in float32 would be a hundredth of a turn off.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "worker/checkpoint/rope_config.h"

namespace berth::decoder {

struct RotaryFrequencies {
  std::vector<double> inverse;  // [rotary_size / 2], radians per position
  double scale = 1;             // of all cosines and sines (YaRN's and LongRoPE's attention factor)

  // Cosines and sines [count, rotary_size / 2] of consecutive positions from `first` on.
  void Fill(std::int64_t first, std::int64_t count, float* cosines, float* sines) const;
};

// `context`: the served context, from which LongRoPE chooses its factors, once for all sequences.
RotaryFrequencies FrequenciesOf(const checkpoint::RopeConfig& rope, std::int64_t context);

}  // namespace berth::decoder
