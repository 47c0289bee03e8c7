// What is done to one row of numbers: norms, activations, conversions. Elements go through the same steps wherever in
// the row they stand, whole vectors or what is left at the end. For files of isa.h only.
#pragma once

#include <cstdint>

namespace berth::kernels::cpu {
namespace {

// Calls body(i, n) for each whole vector of [0, count) with n = 0, then for the rest with its length n.
template <class S, class Body>
inline __attribute__((always_inline)) void ForVectors(std::int64_t count, const Body& body) {
  std::int64_t i = 0;
  for (; i + S::kLanes <= count; i += S::kLanes) body(i, 0);
  if (i < count) body(i, static_cast<int>(count - i));
}

template <class S, class T>
inline typename S::F LoadAt(const T* x, int some) {
  return some == 0 ? S::Load(x) : S::LoadSome(x, some);
}
template <class S>
inline void StoreAt(float* y, typename S::F value, int some) {
  if (some == 0) S::Store(y, value);
  else S::StoreSome(y, value, some);
}

// e^x within 2 ulp for −87 ≤ x ≤ 88, and the value at the nearer bound beyond; NaN stays NaN. x = n · ln 2 + r with
// |r| ≤ ln 2 / 2, the two parts of ln 2 as in Cody and Waite (1980), and Taylor's series for r.
template <class S>
inline typename S::F Exp(typename S::F x) {
  // The second operand of Max and Min survives when it is NaN.
  x = S::Max(S::Set(-87.0f), S::Min(S::Set(88.0f), x));
  const auto n = S::Round(S::Mul(x, S::Set(1.44269504f)));
  auto r = S::Fma(n, S::Set(-0.693359375f), x);
  r = S::Fma(n, S::Set(2.12194440e-4f), r);
  constexpr float kSeries[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
  auto p = S::Set(1.0f / 5040);
  for (const float coefficient : kSeries) p = S::Fma(p, r, S::Set(coefficient));
  return S::Mul(p, S::PowerOfTwo(n));
}

template <class S>
inline float ExpOne(float x) {
  alignas(64) float values[S::kLanes];
  S::Store(values, Exp<S>(S::Set(x)));
  return values[0];
}

template <class S>
void RmsNormRow(const float* x, std::int64_t width, const float* weight, float eps, float* y) {
  auto squares = S::Zero();
  ForVectors<S>(width, [&](std::int64_t i, int some) {
    const auto value = LoadAt<S>(x + i, some);
    squares = S::Fma(value, value, squares);
  });
  float sum[4];
  S::Sum4(squares, S::Zero(), S::Zero(), S::Zero(), sum);
  const auto scale = S::Set(1.0f / __builtin_sqrtf(sum[0] / static_cast<float>(width) + eps));
  ForVectors<S>(width, [&](std::int64_t i, int some) {
    StoreAt<S>(y + i, S::Mul(S::Mul(LoadAt<S>(x + i, some), scale), LoadAt<S>(weight + i, some)), some);
  });
}

// The variance is that of the differences from the mean: in one pass with squares it would be lost where the mean is large.
template <class S>
void LayerNormRow(const float* x, std::int64_t width, const float* weight, const float* bias, float eps, float* y) {
  const float count = static_cast<float>(width);
  auto all = S::Zero();
  ForVectors<S>(width, [&](std::int64_t i, int some) { all = S::Add(all, LoadAt<S>(x + i, some)); });
  float sum[4];
  S::Sum4(all, S::Zero(), S::Zero(), S::Zero(), sum);
  const auto mean = S::Set(sum[0] / count);
  auto squares = S::Zero();
  ForVectors<S>(width, [&](std::int64_t i, int some) {
    auto difference = S::Sub(LoadAt<S>(x + i, some), mean);
    if (some != 0) {  // lanes beyond the end are 0 and would count
      alignas(64) float kept[S::kLanes];
      S::Store(kept, difference);
      difference = S::LoadSome(kept, some);
    }
    squares = S::Fma(difference, difference, squares);
  });
  S::Sum4(squares, S::Zero(), S::Zero(), S::Zero(), sum);
  const auto scale = S::Set(1.0f / __builtin_sqrtf(sum[0] / count + eps));
  ForVectors<S>(width, [&](std::int64_t i, int some) {
    const auto normed = S::Mul(S::Sub(LoadAt<S>(x + i, some), mean), scale);
    StoreAt<S>(y + i, S::Fma(normed, LoadAt<S>(weight + i, some), LoadAt<S>(bias + i, some)), some);
  });
}

// x · Φ(x) = max(x, 0) − |x| · erfc(|x| / √2) / 2, with formula 7.1.26 of Abramowitz and Stegun (1964) for erfc, whose
// error is at most 1.5e-7.
template <class S>
void GeluRow(float* x, std::int64_t count) {
  ForVectors<S>(count, [&](std::int64_t i, int some) {
    const auto value = LoadAt<S>(x + i, some);
    const auto size = S::Max(S::Sub(S::Zero(), value), value);
    const auto z = S::Mul(size, S::Set(0.70710678f));
    const auto t = S::Div(S::Set(1.0f), S::Fma(z, S::Set(0.3275911f), S::Set(1.0f)));
    auto p = S::Set(1.061405429f);
    constexpr float kSeries[] = {-1.453152027f, 1.421413741f, -0.284496736f, 0.254829592f};
    for (const float coefficient : kSeries) {
      p = S::Fma(p, t, S::Set(coefficient));
    }
    const auto tail = S::Mul(S::Mul(p, t), Exp<S>(S::Sub(S::Zero(), S::Mul(z, z))));
    StoreAt<S>(x + i, S::Sub(S::Max(S::Zero(), value), S::Mul(S::Mul(size, S::Set(0.5f)), tail)), some);
  });
}

template <class S>
void SiluMulRow(float* gate, const float* up, std::int64_t count) {
  const auto one = S::Set(1.0f);
  ForVectors<S>(count, [&](std::int64_t i, int some) {
    const auto x = LoadAt<S>(gate + i, some);
    const auto silu = S::Div(x, S::Add(one, Exp<S>(S::Sub(S::Zero(), x))));
    StoreAt<S>(gate + i, S::Mul(silu, LoadAt<S>(up + i, some)), some);
  });
}

template <class S>
void WidenRow(const std::uint16_t* x, std::int64_t count, float* y) {
  ForVectors<S>(count, [&](std::int64_t i, int some) { StoreAt<S>(y + i, LoadAt<S>(x + i, some), some); });
}

inline void NarrowRow(const float* x, std::int64_t count, std::uint16_t* y) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, x + i, sizeof bits);
    const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;  // rounding could carry it into the sign
    y[i] = static_cast<std::uint16_t>(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  }
}

}  // namespace
}  // namespace berth::kernels::cpu
