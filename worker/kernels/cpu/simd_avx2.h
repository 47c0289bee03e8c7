// Eight lanes: AVX2 with FMA. For files of isa.h only.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace berth::kernels::cpu {
namespace {

struct Simd {
  static constexpr int kLanes = 8;
  static constexpr int kTileRows = 3;    // rows of x in a tile: 3 · 4 sums, 3 of x and one of weights are 16 registers
  static constexpr int kStreamRows = 4;  // rows of weights that are read side by side
  using F = __m256;

  static F Zero() { return _mm256_setzero_ps(); }
  static F Set(float x) { return _mm256_set1_ps(x); }

  static F Load(const float* p) { return _mm256_loadu_ps(p); }
  static F Load(const std::uint16_t* p) { return Widen(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  // The first n lanes; the others are 0.
  static F LoadSome(const float* p, int n) { return _mm256_maskload_ps(p, Mask(n)); }
  static F LoadSome(const std::uint16_t* p, int n) {
    alignas(16) std::uint16_t all[kLanes] = {};
    for (int i = 0; i < n; ++i) all[i] = p[i];
    return Load(all);
  }
  static void Store(float* p, F v) { _mm256_storeu_ps(p, v); }
  static void StoreSome(float* p, F v, int n) { _mm256_maskstore_ps(p, Mask(n), v); }

  static F Add(F a, F b) { return _mm256_add_ps(a, b); }
  static F Sub(F a, F b) { return _mm256_sub_ps(a, b); }
  static F Mul(F a, F b) { return _mm256_mul_ps(a, b); }
  static F Div(F a, F b) { return _mm256_div_ps(a, b); }
  static F Fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  // b where either is NaN.
  static F Max(F a, F b) { return _mm256_max_ps(a, b); }
  static F Min(F a, F b) { return _mm256_min_ps(a, b); }
  static F Round(F x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  // 2^n for integers −126 ≤ n ≤ 127.
  static F PowerOfTwo(F n) {
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  }

  static float Largest(F a) {
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
  }

  // The lanes of each of four vectors: neighbours, then pairs, then halves.
  static void Sum4(F a, F b, F c, F d, float* sums) {
    const F four = _mm256_hadd_ps(_mm256_hadd_ps(a, b), _mm256_hadd_ps(c, d));
    _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(four), _mm256_extractf128_ps(four, 1)));
  }

 private:
  static F Widen(__m128i halves) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  static __m256i Mask(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
};

}  // namespace
}  // namespace berth::kernels::cpu
