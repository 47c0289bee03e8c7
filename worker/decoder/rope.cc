#include "worker/decoder/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace berth::decoder {
namespace {

using checkpoint::RopeConfig;
using checkpoint::RopeType;

// Of position interpolation between the lengths of waves that fit often into the old context, and are left alone, and
// those that do not, and are stretched (Llama 3.1).
double Llama3(double frequency, const RopeConfig& rope) {
  const double turns = static_cast<double>(rope.original_positions) * frequency / (2 * std::numbers::pi);
  if (turns < rope.low_freq_factor) return frequency / rope.factor;
  if (turns > rope.high_freq_factor) return frequency;
  const double smooth = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  return (1 - smooth) * frequency / rope.factor + smooth * frequency;
}

// The component, as a fraction, that makes `turns` turns in the old context (YaRN, section 3.2, after the dimension).
double YarnComponent(double turns, const RopeConfig& rope) {
  return static_cast<double>(rope.rotary_size) *
         std::log(static_cast<double>(rope.original_positions) / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(rope.theta));
}

void Yarn(std::vector<double>& inverse, const RopeConfig& rope) {
  double low = YarnComponent(rope.beta_fast, rope), high = YarnComponent(rope.beta_slow, rope);
  if (rope.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(rope.rotary_size - 1));
  if (low == high) high += 0.001;  // the published code's way around a division by zero
  for (std::size_t i = 0; i < inverse.size(); ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    inverse[i] = inverse[i] * (1 - ramp) + inverse[i] / rope.factor * ramp;
  }
}

double YarnScale(double factor, double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; }

double YarnAttention(const RopeConfig& rope) {
  if (rope.attention_factor) return *rope.attention_factor;
  if (rope.mscale == 0 || rope.mscale_all_dim == 0) return YarnScale(rope.factor, 1);
  return YarnScale(rope.factor, rope.mscale) / YarnScale(rope.factor, rope.mscale_all_dim);
}

double LongRopeAttention(const RopeConfig& rope) {
  if (rope.attention_factor) return *rope.attention_factor;
  if (rope.factor <= 1) return 1;
  return std::sqrt(1 + std::log(rope.factor) / std::log(static_cast<double>(rope.original_positions)));
}

}  // namespace

RotaryFrequencies FrequenciesOf(const RopeConfig& rope, std::int64_t context) {
  RotaryFrequencies result;
  result.inverse.resize(static_cast<std::size_t>(rope.rotary_size / 2));
  const auto size = static_cast<double>(rope.rotary_size);
  for (std::size_t i = 0; i < result.inverse.size(); ++i) {
    result.inverse[i] = std::pow(rope.theta, -2 * static_cast<double>(i) / size);
  }
  switch (rope.type) {
    case RopeType::kDefault:
      break;
    case RopeType::kLinear:
      for (double& frequency : result.inverse) frequency /= rope.factor;
      break;
    case RopeType::kLlama3:
      for (double& frequency : result.inverse) frequency = Llama3(frequency, rope);
      break;
    case RopeType::kYarn:
      Yarn(result.inverse, rope);
      result.scale = YarnAttention(rope);
      break;
    case RopeType::kLongRope: {
      const auto& factors = context > rope.original_positions ? rope.long_factor : rope.short_factor;
      for (std::size_t i = 0; i < factors.size(); ++i) result.inverse[i] /= factors[i];
      result.scale = LongRopeAttention(rope);
      break;
    }
  }
  return result;
}

void RotaryFrequencies::Fill(std::int64_t first, std::int64_t count, float* cosines, float* sines) const {
  for (std::int64_t i = 0; i < count; ++i) {
    for (const double frequency : inverse) {
      const double angle = static_cast<double>(first + i) * frequency;
      *cosines++ = static_cast<float>(std::cos(angle) * scale);
      *sines++ = static_cast<float>(std::sin(angle) * scale);
    }
  }
}

}  // namespace berth::decoder
