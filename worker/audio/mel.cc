#include "worker/audio/mel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "worker/audio/audio_reader.h"

namespace berth::audio {
namespace {

constexpr float kLeastEnergy = 1e-10f;
constexpr float kRange = 8;  // of log10 below the maximum
constexpr float kScale = 1.0f / 32768;

// Slaney's scale: linear below 1 kHz, which is 15, logarithmic above it, 27 steps to 6.4 times the frequency.
constexpr double kHertzPerMel = 200.0 / 3;
constexpr double kBreakHertz = 1000;
constexpr double kBreakMel = kBreakHertz / kHertzPerMel;
const double kLogStep = std::log(6.4) / 27;

double MelOf(double hertz) {
  return hertz < kBreakHertz ? hertz / kHertzPerMel : kBreakMel + std::log(hertz / kBreakHertz) / kLogStep;
}

double HertzOf(double mel) {
  return mel < kBreakMel ? mel * kHertzPerMel : kBreakHertz * std::exp(kLogStep * (mel - kBreakMel));
}

// The weight of `hertz` in a triangle of area 1.
double WeightOf(double hertz, double left, double peak, double right) {
  const double height = std::min((hertz - left) / (peak - left), (right - hertz) / (right - peak));
  return std::max(0.0, height) * 2 / (right - left);
}

// Sample `at` of the signal mirrored at both ends. A signal shorter than the mirror is mirrored again and again.
float SampleOf(const MelSignal& signal, std::int64_t at) {
  const auto last = static_cast<std::int64_t>(signal.length) - 1;
  while (at < 0 || at > last) {
    if (last <= 0) return last < 0 || signal.samples.empty() ? 0.0f : kScale * static_cast<float>(signal.samples[0]);
    at = at < 0 ? -at : 2 * last - at;
  }
  const auto index = static_cast<std::size_t>(at);
  return index < signal.samples.size() ? kScale * static_cast<float>(signal.samples[index]) : 0.0f;
}

}  // namespace

LogMel::LogMel(int bins) {
  for (int i = 0; i < kFrameSamples; ++i) {
    window_.push_back(static_cast<float>(0.5 - 0.5 * std::cos(2 * std::numbers::pi * i / kFrameSamples)));
  }
  const double step = MelOf(kSampleRate / 2.0) / (bins + 1);
  for (int m = 0; m < bins; ++m) {
    const double left = HertzOf(m * step), peak = HertzOf((m + 1) * step), right = HertzOf((m + 2) * step);
    Filter filter{0, {}};
    for (int k = 0; k < kSpectrumBins; ++k) {
      const double weight = WeightOf(k * static_cast<double>(kSampleRate) / kFrameSamples, left, peak, right);
      if (weight == 0) continue;
      if (filter.weights.empty()) filter.first = k;
      filter.weights.push_back(static_cast<float>(weight));
    }
    filters_.push_back(std::move(filter));
  }
}

// Frames are taken in groups that begin at multiples of their number, whatever part is asked for: two frames that share
// a transform move each other's last bits.
float LogMel::Energies(const MelSignal& signal, std::size_t first, std::size_t frames, float* out) const {
  FramePowers powers;
  float maximum = -std::numeric_limits<float>::infinity();
  const std::size_t end = first + frames;
  for (std::size_t group = first - first % kFramesAtOnce; group < end; group += kFramesAtOnce) {
    Transform(signal, group, powers);
    const std::size_t from = std::max(first, group), to = std::min(end, group + kFramesAtOnce);
    for (std::size_t m = 0; m < filters_.size(); ++m) {
      const auto energies = Filtered(filters_[m], powers);
      for (std::size_t frame = from; frame < to; ++frame) {
        const float energy = std::log10(std::max(energies[frame - group], kLeastEnergy));
        maximum = std::max(maximum, energy);
        if (out != nullptr) out[m * frames + frame - first] = energy;
      }
    }
  }
  return maximum;
}

void LogMel::Transform(const MelSignal& signal, std::size_t group, FramePowers& powers) const {
  FrameSamples samples;
  for (std::size_t f = 0; f < kFramesAtOnce; ++f) {
    const bool inside = group + f < signal.frames();
    const auto from = static_cast<std::int64_t>((group + f) * kHop) - kFrameSamples / 2;
    for (std::size_t n = 0; n < kFrameSamples; ++n) {
      samples[n][f] = inside ? window_[n] * SampleOf(signal, from + static_cast<std::int64_t>(n)) : 0.0f;
    }
  }
  spectrum_.Compute(samples, powers);
}

std::array<float, kFramesAtOnce> LogMel::Filtered(const Filter& filter, const FramePowers& powers) {
  std::array<float, kFramesAtOnce> energies{};
  auto power = powers.begin() + filter.first;
  for (const float weight : filter.weights) {
    for (std::size_t f = 0; f < kFramesAtOnce; ++f) energies[f] += weight * (*power)[f];
    ++power;
  }
  return energies;
}

float LogMel::Maximum(const MelSignal& signal) const { return Energies(signal, 0, signal.frames(), nullptr); }

void LogMel::Normalise(std::span<float> energies, float maximum) {
  for (float& energy : energies) energy = (std::max(energy, maximum - kRange) + 4) / 4;
}

std::vector<float> LogMel::Window(std::span<const std::int16_t> samples, std::size_t frames) const {
  std::vector<float> features(filters_.size() * frames);
  const MelSignal signal{samples.first(std::min(samples.size(), frames * kHop)), frames * kHop};
  Normalise(features, Energies(signal, 0, frames, features.data()));
  return features;
}

}  // namespace berth::audio
