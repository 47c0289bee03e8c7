#include "worker/speech/decoding/softmax.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace berth::speech {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
// Four numbers at once, by the compiler's vector extension: any processor.
typedef float F __attribute__((vector_size(16)));
typedef std::int32_t I __attribute__((vector_size(16)));
constexpr std::size_t kLanes = 4;
constexpr std::size_t kSums = 4;  // side by side, so that one need not wait for the other
// Added up in float before the sum goes on in double.
constexpr std::size_t kBlock = 16 * kLanes * kSums;

F All(float x) { return F{x, x, x, x}; }

// e^x for x ≤ 0 within 2 ulp, and e^−87 below −87: x = n ln 2 + r, the parts of ln 2 as in Cody and Waite (1980), and
// Taylor's series for r.
inline F ExpOf(F x) {
  x = x < All(-87.0f) ? All(-87.0f) : x;
  const F n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;  // the nearest integer
  const F r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  F p = All(1.0f / 5040);
  for (const float coefficient : {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) p = p * r + coefficient;
  return p * std::bit_cast<F>((__builtin_convertvector(n, I) + 127) << 23);
}

// Of the `count` numbers there, at most four; the others are e^−87.
inline F WeightsOf(const float* logits, std::size_t count, float most, float scale) {
  F x = All(kNever);
  __builtin_memcpy(&x, logits, count * sizeof(float));
  return ExpOf((x - most) * scale);
}

// Σ e^((x − most) · scale)
double SumOf(std::span<const float> logits, float most, float scale) {
  double sum = 0;
  while (logits.size() >= kLanes * kSums) {
    const std::size_t count = std::min(kBlock, logits.size() / (kLanes * kSums) * (kLanes * kSums));
    F sums[kSums] = {};
    for (std::size_t i = 0; i < count; i += kLanes * kSums) {
      for (std::size_t j = 0; j < kSums; ++j) sums[j] += WeightsOf(&logits[i + j * kLanes], kLanes, most, scale);
    }
    const F four = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    for (std::size_t j = 0; j < kLanes; ++j) sum += four[j];
    logits = logits.subspan(count);
  }
  for (; !logits.empty(); logits = logits.subspan(std::min(kLanes, logits.size()))) {
    const std::size_t count = std::min(kLanes, logits.size());
    const F weights = WeightsOf(logits.data(), count, most, scale);
    for (std::size_t j = 0; j < count; ++j) sum += weights[j];
  }
  return sum;
}

}  // namespace

double LogSumExp(std::span<const float> logits) {
  if (logits.empty()) return kNever;
  const float most = *std::ranges::max_element(logits);
  if (most == kNever) return kNever;
  return most + std::log(SumOf(logits, most, 1));
}

// By blocks first, so that the sum that exceeds is looked for in one of them.
std::int32_t Draw(std::span<const float> logits, double temperature, double uniform) {
  const float most = *std::ranges::max_element(logits);
  const auto scale = static_cast<float>(1 / temperature);
  double left = uniform * SumOf(logits, most, scale);
  std::int32_t last = 0;
  for (std::size_t begin = 0; begin < logits.size(); begin += kBlock) {
    const auto block = logits.subspan(begin, std::min(kBlock, logits.size() - begin));
    const double sum = SumOf(block, most, scale);
    if (left >= sum && begin + kBlock < logits.size()) {
      left -= sum;
      continue;
    }
    for (std::size_t i = 0; i < block.size(); ++i) {
      if (block[i] == kNever) continue;
      last = static_cast<std::int32_t>(begin + i);
      left -= WeightsOf(&block[i], 1, most, scale)[0];
      if (left < 0) return last;
    }
  }
  // Rounding took the last of it; or what was left was that of a block in which nothing may come.
  return logits[static_cast<std::size_t>(last)] != kNever
             ? last
             : static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
}

}  // namespace berth::speech
