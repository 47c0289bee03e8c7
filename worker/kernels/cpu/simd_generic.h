// Four lanes by the compiler's vector extension: any processor. Rounds after each product. For files of isa.h only.
#pragma once

#include <cstdint>

namespace berth::kernels::cpu {
namespace {

struct Simd {
  static constexpr int kLanes = 4;
  static constexpr int kTileRows = 2;    // rows of x in a tile: 2 · 4 sums, and 16 registers
  static constexpr int kStreamRows = 4;  // rows of weights that are read side by side
  typedef float F __attribute__((vector_size(16)));
  typedef std::int32_t I __attribute__((vector_size(16)));

  static F Set(float x) { return F{x, x, x, x}; }
  static F Zero() { return Set(0); }

  static F Load(const float* p) {
    F v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
  }
  static F Load(const std::uint16_t* p) {
    const I wide = {p[0], p[1], p[2], p[3]};
    return reinterpret_cast<F>(wide << 16);
  }
  // The first n lanes; the others are 0.
  template <class T>
  static F LoadSome(const T* p, int n) {
    T all[kLanes] = {};
    for (int i = 0; i < n; ++i) all[i] = p[i];
    return Load(all);
  }
  static void Store(float* p, F v) { __builtin_memcpy(p, &v, sizeof v); }
  static void StoreSome(float* p, F v, int n) {
    for (int i = 0; i < n; ++i) p[i] = v[i];
  }

  static F Add(F a, F b) { return a + b; }
  static F Sub(F a, F b) { return a - b; }
  static F Mul(F a, F b) { return a * b; }
  static F Div(F a, F b) { return a / b; }
  static F Fma(F a, F b, F c) { return a * b + c; }
  // b where a is not greater, or not less: where either is NaN.
  static F Max(F a, F b) { return a > b ? a : b; }
  static F Min(F a, F b) { return a < b ? a : b; }
  // To the nearest integer, for |x| < 2^22.
  static F Round(F x) { return (x + Set(12582912.0f)) - Set(12582912.0f); }
  // 2^n for integers −126 ≤ n ≤ 127.
  static F PowerOfTwo(F n) { return reinterpret_cast<F>((__builtin_convertvector(n, I) + 127) << 23); }

  static float Largest(F a) {
    const F pairs = Max(a, F{a[2], a[3], a[0], a[1]});
    return pairs[0] > pairs[1] ? pairs[0] : pairs[1];
  }
  static float Sum(F a) { return (a[0] + a[2]) + (a[1] + a[3]); }
  static void Sum4(F a, F b, F c, F d, float* sums) {
    sums[0] = Sum(a);
    sums[1] = Sum(b);
    sums[2] = Sum(c);
    sums[3] = Sum(d);
  }
};

}  // namespace
}  // namespace berth::kernels::cpu
