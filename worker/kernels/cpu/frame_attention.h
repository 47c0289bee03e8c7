// Attention in which every query sees all frames, with a running softmax (Milakov and Gimelshein 2018; Dao et al. 2022)
// panel by panel. Both products are of the form y[m, :] += a[m, k] · b[k, :] with whole vectors of b, so that keys need no
// sums across lanes: that is why a FrameCache has them transposed. Queries go in tiles that share the reading; what happens
// to one does not depend on the others. For files of isa.h only.
#pragma once

#include <cstdint>

#include "worker/kernels/cpu/isa.h"
#include "worker/kernels/cpu/rows.h"

namespace berth::kernels::cpu {
namespace {

template <class S>
class FrameAttentionOf {
 public:
  static void Run(const FrameAttentionPart& part) {
    FrameAttentionOf attention(part);
    attention.Begin();
    for (std::int64_t panel = 0; panel < part.cache->panels(); ++panel) attention.Panel(panel);
    attention.End();
  }

 private:
  static constexpr int kLanes = S::kLanes;
  static constexpr int kRows = 6;                         // queries of a tile
  static constexpr int kVectors = kLanes == 16 ? 4 : 2;   // 6 · 4 sums of 32 registers, or 6 · 2 of 16
  static constexpr int kFrames = static_cast<int>(kPanelFrames);
  static constexpr float kNone = -__builtin_huge_valf();

  explicit FrameAttentionOf(const FrameAttentionPart& part)
      : part_(part), size_(part.cache->head_size), stride_(part.cache->value_stride()) {}

  void Begin() {
    for (std::int64_t row = 0; row < part_.rows; ++row) {
      for (std::int64_t i = 0; i < size_; ++i) q_[row * size_ + i] = part_.q[row * part_.stride + i] * part_.scale;
      for (std::int64_t i = 0; i < stride_; ++i) mixed_[row * stride_ + i] = 0;
      largest_[row] = kNone;
      sum_[row] = 0;
    }
  }

  void Panel(std::int64_t panel) {
    const float* keys = part_.cache->keys(part_.head) + panel * kPanelFrames * size_;
    const float* values = part_.cache->values(part_.head) + panel * kPanelFrames * stride_;
    const std::int64_t left = part_.cache->frames - panel * kPanelFrames;
    const int frames = left < kFrames ? static_cast<int>(left) : kFrames;
    for (std::int64_t row = 0; row < part_.rows; row += kRows) {
      switch (part_.rows - row) {
        case 1: Tile<1>(row, keys, values, frames); break;
        case 2: Tile<2>(row, keys, values, frames); break;
        case 3: Tile<3>(row, keys, values, frames); break;
        case 4: Tile<4>(row, keys, values, frames); break;
        case 5: Tile<5>(row, keys, values, frames); break;
        default: Tile<kRows>(row, keys, values, frames); break;
      }
    }
  }

  template <int M>
  __attribute__((noinline)) void Tile(std::int64_t row, const float* keys, const float* values, int frames) {
    for (int t = 0; t < kFrames; t += kVectors * kLanes) Scores<M>(row, keys + t, t);
    float corrections[M];
    for (int m = 0; m < M; ++m) corrections[m] = Weigh(row + m, weights_[m], frames);
    std::int64_t i = 0;
    for (; i + kVectors * kLanes <= stride_; i += kVectors * kLanes) {
      Mix<M, kVectors>(row, values + i, frames, corrections, mixed_ + i);
    }
    for (; i < stride_; i += kLanes) Mix<M, 1>(row, values + i, frames, corrections, mixed_ + i);
  }

  template <int M>
  __attribute__((always_inline)) void Scores(std::int64_t row, const float* keys, int at) {
    typename S::F sums[M][kVectors];
    for (int m = 0; m < M; ++m) {
      for (int c = 0; c < kVectors; ++c) sums[m][c] = S::Zero();
    }
    const float* q = q_ + row * size_;
    for (std::int64_t i = 0; i < size_; ++i) {
      typename S::F key[kVectors];
      for (int c = 0; c < kVectors; ++c) key[c] = S::Load(keys + i * kFrames + c * kLanes);
      for (int m = 0; m < M; ++m) {
        const auto one = S::Set(q[m * size_ + i]);
        for (int c = 0; c < kVectors; ++c) sums[m][c] = S::Fma(one, key[c], sums[m][c]);
      }
    }
    for (int m = 0; m < M; ++m) {
      for (int c = 0; c < kVectors; ++c) S::Store(weights_[m] + at + c * kLanes, sums[m][c]);
    }
  }

  // Scores become weights, relative to the largest score so far. Returns what earlier sums are to be multiplied with.
  __attribute__((always_inline)) float Weigh(std::int64_t row, float* weights, int frames) {
    for (int t = frames; t < kFrames; ++t) weights[t] = kNone;
    auto most = S::Load(weights);
    for (int t = kLanes; t < kFrames; t += kLanes) most = S::Max(most, S::Load(weights + t));
    const float here = S::Largest(most);
    const float largest = here > largest_[row] ? here : largest_[row];
    const float correction = largest == largest_[row] ? 1.0f : ExpOne<S>(largest_[row] - largest);
    const auto shift = S::Set(largest);
    auto all = S::Zero();
    for (int t = 0; t < kFrames; t += kLanes) {
      const auto weight = Exp<S>(S::Sub(S::Load(weights + t), shift));
      S::Store(weights + t, weight);
      if (frames == kFrames) all = S::Add(all, weight);
    }
    float sum[4];
    S::Sum4(all, S::Zero(), S::Zero(), S::Zero(), sum);
    for (int t = 0; t < frames && frames < kFrames; ++t) sum[0] += weights[t];
    sum_[row] = sum_[row] * correction + sum[0];
    largest_[row] = largest;
    return correction;
  }

  // C vectors of components of what M queries have mixed.
  template <int M, int C>
  __attribute__((always_inline)) void Mix(std::int64_t row, const float* values, int frames,
                                          const float (&corrections)[M], float* mixed) {
    typename S::F sums[M][C];
    for (int m = 0; m < M; ++m) {
      for (int c = 0; c < C; ++c) {
        sums[m][c] = S::Mul(S::Load(mixed + (row + m) * stride_ + c * kLanes), S::Set(corrections[m]));
      }
    }
    for (int t = 0; t < frames; ++t) {
      typename S::F value[C];
      for (int c = 0; c < C; ++c) value[c] = S::Load(values + t * stride_ + c * kLanes);
      for (int m = 0; m < M; ++m) {
        const auto weight = S::Set(weights_[m][t]);
        for (int c = 0; c < C; ++c) sums[m][c] = S::Fma(weight, value[c], sums[m][c]);
      }
    }
    for (int m = 0; m < M; ++m) {
      for (int c = 0; c < C; ++c) S::Store(mixed + (row + m) * stride_ + c * kLanes, sums[m][c]);
    }
  }

  void End() {
    for (std::int64_t row = 0; row < part_.rows; ++row) {
      float* y = part_.y + row * part_.stride;
      for (std::int64_t i = 0; i < size_; ++i) y[i] = mixed_[row * stride_ + i] / sum_[row];
    }
  }

  const FrameAttentionPart& part_;
  const std::int64_t size_, stride_;
  alignas(64) float weights_[kRows][kFrames];
  float largest_[kMostFrameRows], sum_[kMostFrameRows];
  alignas(64) float q_[kMostFrameRows * kMostHeadSize];
  alignas(64) float mixed_[kMostFrameRows * kMostHeadSize];
};

}  // namespace
}  // namespace berth::kernels::cpu
