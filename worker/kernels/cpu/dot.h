// Dot products, the heart of linear layers and of attention's scores: M rows of x times N rows of w along k, all sums in
// registers. Each of the M · N sums has one order: lane l of a vector adds the products l, l + lanes, l + 2 · lanes, …
// with fused multiply-adds, and the lanes are added as S::Sum4 does; so it is the same for every M and N. S is a
// Simd of simd_*.h. For files of isa.h only.
#pragma once

#include <cstdint>

namespace berth::kernels::cpu {
namespace {

// How far ahead weights are asked for that come from memory.
constexpr std::int64_t kPrefetchBytes = 1024;

// One step along k: a[m] · w for each row of w.
template <class S, int M, int N, bool kPartial, class W>
inline __attribute__((always_inline)) void DotStep(const float* x, std::int64_t x_stride, const W* w,
                                                   std::int64_t w_stride, int left, typename S::F (&sums)[M][N]) {
  typename S::F a[M];
  for (int m = 0; m < M; ++m) a[m] = kPartial ? S::LoadSome(x + m * x_stride, left) : S::Load(x + m * x_stride);
  for (int n = 0; n < N; ++n) {
    const typename S::F b = kPartial ? S::LoadSome(w + n * w_stride, left) : S::Load(w + n * w_stride);
    for (int m = 0; m < M; ++m) sums[m][n] = S::Fma(a[m], b, sums[m][n]);
  }
}

// sums[m][n] = Σ x[m · x_stride + i] · w[n · w_stride + i] for i < k. N is a multiple of 4, or less than 4.
template <class S, int M, int N, bool kPrefetch = false, class W>
inline __attribute__((always_inline)) void Dot(const float* x, std::int64_t x_stride, const W* w,
                                               std::int64_t w_stride, std::int64_t k, float (&result)[M][N]) {
  constexpr int kLanes = S::kLanes;
  typename S::F sums[M][N];
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) sums[m][n] = S::Zero();
  }
  std::int64_t i = 0;
  for (; i + kLanes <= k; i += kLanes) {
    if constexpr (kPrefetch) {
      for (int n = 0; n < N; ++n) {
        __builtin_prefetch(reinterpret_cast<const char*>(w + n * w_stride + i) + kPrefetchBytes);
      }
    }
    DotStep<S, M, N, false>(x + i, x_stride, w + i, w_stride, 0, sums);
  }
  if (i < k) DotStep<S, M, N, true>(x + i, x_stride, w + i, w_stride, static_cast<int>(k - i), sums);
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; n += 4) {
      float four[4];
      S::Sum4(sums[m][n], n + 1 < N ? sums[m][n + 1 < N ? n + 1 : n] : S::Zero(),
              n + 2 < N ? sums[m][n + 2 < N ? n + 2 : n] : S::Zero(),
              n + 3 < N ? sums[m][n + 3 < N ? n + 3 : n] : S::Zero(), four);
      for (int j = 0; j < 4 && n + j < N; ++j) result[m][n + j] = four[j];
    }
  }
}

}  // namespace
}  // namespace berth::kernels::cpu
