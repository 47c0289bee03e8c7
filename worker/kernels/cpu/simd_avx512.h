// Sixteen lanes: AVX-512 (F, BW, DQ, VL). For files of isa.h only.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace berth::kernels::cpu {
namespace {

struct Simd {
  static constexpr int kLanes = 16;
  static constexpr int kTileRows = 6;    // rows of x in a tile: 6 · 4 sums, 6 of x and one of weights of 32 registers
  static constexpr int kStreamRows = 4;  // rows of weights that are read side by side
  using F = __m512;

  static F Zero() { return _mm512_setzero_ps(); }
  static F Set(float x) { return _mm512_set1_ps(x); }

  static F Load(const float* p) { return _mm512_loadu_ps(p); }
  static F Load(const std::uint16_t* p) { return Widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  // The first n lanes; the others are 0.
  static F LoadSome(const float* p, int n) { return _mm512_maskz_loadu_ps(Mask(n), p); }
  static F LoadSome(const std::uint16_t* p, int n) { return Widen(_mm256_maskz_loadu_epi16(Mask(n), p)); }
  static void Store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static void StoreSome(float* p, F v, int n) { _mm512_mask_storeu_ps(p, Mask(n), v); }

  static F Add(F a, F b) { return _mm512_add_ps(a, b); }
  static F Sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static F Mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static F Div(F a, F b) { return _mm512_div_ps(a, b); }
  static F Fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  // b where either is NaN.
  static F Max(F a, F b) { return _mm512_max_ps(a, b); }
  static F Min(F a, F b) { return _mm512_min_ps(a, b); }
  static F Round(F x) { return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static F PowerOfTwo(F n) { return _mm512_scalef_ps(Set(1), n); }

  static float Largest(F a) { return _mm512_reduce_max_ps(a); }

  // The lanes of each of four vectors: neighbours, then pairs, then quarters.
  static void Sum4(F a, F b, F c, F d, float* sums) {
    const F ab = Add(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    const F cd = Add(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    const F four = Add(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee));
    const __m256 halves = _mm256_add_ps(_mm512_castps512_ps256(four), _mm512_extractf32x8_ps(four, 1));
    _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1)));
  }

 private:
  static F Widen(__m256i halves) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }
  static __mmask16 Mask(int n) { return static_cast<__mmask16>((1u << n) - 1); }
};

}  // namespace
}  // namespace berth::kernels::cpu
