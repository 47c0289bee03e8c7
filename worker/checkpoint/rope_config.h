// What config.json says about rotary position embeddings, in its old spelling (rope_theta and rope_scaling) and the new
// one (rope_parameters). Every value that changes an angle is honoured or refused by name. What becomes of the values
// is worker/models/rope.h. Pure values, torch-free.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/base/result.h"

namespace berth::checkpoint {

enum class RopeType {
  kDefault,   // Su et al. 2021
  kLinear,    // position interpolation, Chen et al. 2023
  kLlama3,    // by wavelength, Llama 3.1
  kYarn,      // Peng et al. 2023
  kLongRope,  // Ding et al. 2024
};

struct RopeConfig {
  RopeType type = RopeType::kDefault;
  double theta = 10'000;
  std::int64_t rotary_size = 0;  // components of a head that are rotated, the first ones; even
  double factor = 1;             // by how much the context was extended
  // The context before: original_max_position_embeddings, else the model's.
  std::int64_t original_positions = 0;
  double low_freq_factor = 1, high_freq_factor = 4;     // llama3
  std::optional<double> attention_factor;               // yarn, longrope: of cosines and sines; else by the formula
  double beta_fast = 32, beta_slow = 1;                 // yarn
  double mscale = 0, mscale_all_dim = 0;                // yarn; 0: not set
  bool truncate = true;                                 // yarn: whole components as bounds of its ramp
  std::vector<double> short_factor, long_factor;        // longrope: rotary_size / 2 each
};

// `positions`: max_position_embeddings. Errors: an unknown type, dynamic scaling, a key that the type does not have or
// that contradicts another, a value out of bounds, a missing one.
Result<RopeConfig> ParseRopeConfig(const nlohmann::json& config, const std::string& name, std::int64_t head_size,
                                   std::int64_t positions);

}  // namespace berth::checkpoint
