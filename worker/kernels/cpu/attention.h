// Causal attention over a paged cache with a running softmax (Milakov and Gimelshein 2018; Dao et al. 2022): of each
// query the largest score, the sum and the weighted values are kept, and are brought up to date block by block in the
// order of positions. What a query's row goes through depends on its position alone, so its bits do not depend on the
// other queries: several that see whole blocks only share the reading of keys and values. For files of isa.h only.
#pragma once

#include <cstdint>

#include "worker/kernels/cpu/dot.h"
#include "worker/kernels/cpu/isa.h"
#include "worker/kernels/cpu/rows.h"

namespace berth::kernels::cpu {
namespace {

constexpr int kBlock = static_cast<int>(kBlockTokens);

template <class S>
class AttentionOf {
 public:
  static void Run(const AttentionPart& part) {
    AttentionOf attention(part);
    const std::int64_t rows = part.tokens * part.group;
    for (std::int64_t row = 0; row < rows; row += kRows) {
      const int count = static_cast<int>(rows - row < kRows ? rows - row : kRows);
      if (part.cache->element == Element::kFloat32) attention.Queries<float>(row, count);
      else attention.Queries<std::uint16_t>(row, count);
    }
  }

 private:
  static constexpr int kRows = 4;  // queries at once
  static constexpr float kNone = -__builtin_huge_valf();

  // One query, and what is known of it so far.
  struct Query {
    float* y;
    std::int64_t position;
    float largest;
    float sum;
    float correction;  // of what was summed up before this block
    alignas(64) float q[kMostHeadSize];  // scaled
    alignas(64) float weights[kBlock];
    alignas(64) float mixed[kMostHeadSize];
  };

  // From one query's q to the next one's.
  static constexpr std::int64_t kStride = sizeof(Query) / sizeof(float);

  explicit AttentionOf(const AttentionPart& part) : part_(part), size_(part.cache->head_size) {}

  template <class T>
  void Queries(std::int64_t row, int count) {
    for (int r = 0; r < count; ++r) Begin(row + r, queries_[r]);
    const std::int64_t last = queries_[count - 1].position / kBlock;
    for (std::int64_t block = First(queries_[0]) / kBlock; block <= last; ++block) Visit<T>(block, count);
    for (int r = 0; r < count; ++r) End(queries_[r]);
  }

  void Begin(std::int64_t row, Query& query) {
    const std::int64_t token = row / part_.group;
    const std::int64_t offset = token * part_.stride + row % part_.group * size_;
    query.y = part_.y + offset;
    query.position = part_.position + token;
    query.largest = kNone;
    query.sum = 0;
    for (std::int64_t i = 0; i < size_; ++i) query.q[i] = part_.q[offset + i] * part_.scale;
    // To the end of the last vector.
    for (std::int64_t i = 0; i < size_ + S::kLanes && i < kMostHeadSize; ++i) query.mixed[i] = 0;
  }

  // The first position that the query sees.
  std::int64_t First(const Query& query) const {
    const std::int64_t first = query.position - part_.window + 1;
    return part_.window > 0 && first > 0 ? first : 0;
  }

  template <class T>
  void Visit(std::int64_t block, int count) {
    const std::int32_t place = part_.blocks[block];
    const auto* keys = reinterpret_cast<const T*>(part_.cache->keys(place, part_.kv_head));
    const auto* values = reinterpret_cast<const T*>(part_.cache->values(place, part_.kv_head));
    const std::int64_t start = block * kBlock;
    const bool whole = count == kRows && start + kBlock - 1 <= queries_[0].position &&
                       First(queries_[kRows - 1]) <= start;
    if (whole) return Together(keys, values);
    for (int r = 0; r < count; ++r) Alone(queries_[r], start, keys, values);
  }

  template <class T>
  void Together(const T* keys, const T* values) {
    for (int t = 0; t < kBlock; t += 4) {
      float scores[kRows][4];
      Dot<S, kRows, 4>(queries_[0].q, kStride, keys + t * size_, size_, size_, scores);
      for (int r = 0; r < kRows; ++r) {
        for (int j = 0; j < 4; ++j) queries_[r].weights[t + j] = scores[r][j];
      }
    }
    for (Query& query : queries_) Weigh(query, 0, kBlock);
    Mix<kRows>(queries_, values, 0, kBlock);
  }

  template <class T>
  void Alone(Query& query, std::int64_t start, const T* keys, const T* values) {
    const std::int64_t first = First(query) - start, end = query.position + 1 - start;
    const int low = first > 0 ? static_cast<int>(first) : 0;
    const int high = end < kBlock ? static_cast<int>(end) : kBlock;
    if (low >= high) return;
    for (int t = 0; t < kBlock; t += 4) {
      float scores[1][4];
      Dot<S, 1, 4>(query.q, 0, keys + t * size_, size_, size_, scores);
      for (int j = 0; j < 4; ++j) {
        query.weights[t + j] = t + j >= low && t + j < high ? scores[0][j] : kNone;
      }
    }
    Weigh(query, low, high);
    Mix<1>(&query, values, low, high);
  }

  // Scores become weights, relative to the largest score so far.
  void Weigh(Query& query, int low, int high) {
    float largest = query.largest;
    for (int t = low; t < high; ++t) largest = query.weights[t] < largest ? largest : query.weights[t];
    query.correction = ExpOne<S>(query.largest - largest);
    const auto shift = S::Set(largest);
    for (int t = 0; t < kBlock; t += S::kLanes) {
      S::Store(query.weights + t, Exp<S>(S::Sub(S::Load(query.weights + t), shift)));
    }
    float sum = 0;
    for (int t = low; t < high; ++t) sum += query.weights[t];
    query.sum = query.sum * query.correction + sum;
    query.largest = largest;
  }

  template <int R, class T>
  void Mix(Query* queries, const T* values, int low, int high) {
    constexpr int kLanes = S::kLanes;
    std::int64_t i = 0;
    for (; i + 4 * kLanes <= size_; i += 4 * kLanes) MixColumns<R, 4, false>(queries, values, low, high, i);
    for (; i + kLanes <= size_; i += kLanes) MixColumns<R, 1, false>(queries, values, low, high, i);
    if (i < size_) MixColumns<R, 1, true>(queries, values, low, high, i);
  }

  // C vectors of components, from component i on.
  template <int R, int C, bool kPartial, class T>
  __attribute__((always_inline)) void MixColumns(Query* queries, const T* values, int low, int high, std::int64_t i) {
    constexpr int kLanes = S::kLanes;
    typename S::F sums[R][C];
    for (int r = 0; r < R; ++r) {
      const auto correction = S::Set(queries[r].correction);
      for (int c = 0; c < C; ++c) sums[r][c] = S::Mul(S::Load(queries[r].mixed + i + c * kLanes), correction);
    }
    for (int t = low; t < high; ++t) {
      const T* row = values + t * size_ + i;
      typename S::F v[C];
      for (int c = 0; c < C; ++c) {
        v[c] = kPartial ? S::LoadSome(row, static_cast<int>(size_ - i)) : S::Load(row + c * kLanes);
      }
      for (int r = 0; r < R; ++r) {
        const auto weight = S::Set(queries[r].weights[t]);
        for (int c = 0; c < C; ++c) sums[r][c] = S::Fma(weight, v[c], sums[r][c]);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int c = 0; c < C; ++c) S::Store(queries[r].mixed + i + c * kLanes, sums[r][c]);
    }
  }

  void End(const Query& query) {
    for (std::int64_t i = 0; i < size_; ++i) query.y[i] = query.mixed[i] / query.sum;
  }

  const AttentionPart& part_;
  const std::int64_t size_;
  Query queries_[kRows];
};

}  // namespace
}  // namespace berth::kernels::cpu
