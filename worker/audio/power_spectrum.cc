#include "worker/audio/power_spectrum.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace berth::audio {
namespace {

constexpr int kLanes = kFramesAtOnce / 2;  // complex transforms

struct Lanes {
  float v[kLanes];
};

template <class F>
Lanes Each(F f) {
  Lanes out;
  for (int i = 0; i < kLanes; ++i) out.v[i] = f(i);
  return out;
}
Lanes operator+(const Lanes& a, const Lanes& b) { return Each([&](int i) { return a.v[i] + b.v[i]; }); }
Lanes operator-(const Lanes& a, const Lanes& b) { return Each([&](int i) { return a.v[i] - b.v[i]; }); }
Lanes operator*(float a, const Lanes& b) { return Each([&](int i) { return a * b.v[i]; }); }

struct Complex {
  Lanes re;
  Lanes im;
};
Complex operator+(const Complex& a, const Complex& b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(const Complex& a, const Complex& b) { return {a.re - b.re, a.im - b.im}; }
Complex operator*(float a, const Complex& b) { return {a * b.re, a * b.im}; }
Complex TimesMinusI(const Complex& a) { return {a.im, -1.0f * a.re}; }
Complex Turned(const Complex& a, float cosine, float sine) {
  return {cosine * a.re - sine * a.im, sine * a.re + cosine * a.im};
}

// y_j = Σ x_k exp(−2πi·jk/4)
void Transform4(const Complex* x, Complex* y) {
  const Complex even = x[0] + x[2], even_less = x[0] - x[2];
  const Complex odd = x[1] + x[3], odd_less = TimesMinusI(x[1] - x[3]);
  y[0] = even + odd;
  y[1] = even_less + odd_less;
  y[2] = even - odd;
  y[3] = even_less - odd_less;
}

// y_j = Σ x_k exp(−2πi·jk/5): values k and 5 − k have the same cosines and opposite sines.
void Transform5(const Complex* x, Complex* y) {
  static const auto c1 = static_cast<float>(std::cos(2 * std::numbers::pi / 5));
  static const auto c2 = static_cast<float>(std::cos(4 * std::numbers::pi / 5));
  static const auto s1 = static_cast<float>(std::sin(2 * std::numbers::pi / 5));
  static const auto s2 = static_cast<float>(std::sin(4 * std::numbers::pi / 5));
  const Complex sum1 = x[1] + x[4], less1 = x[1] - x[4];
  const Complex sum2 = x[2] + x[3], less2 = x[2] - x[3];
  const Complex a = x[0] + c1 * sum1 + c2 * sum2;
  const Complex b = x[0] + c2 * sum1 + c1 * sum2;
  const Complex ia = TimesMinusI(s1 * less1 + s2 * less2);
  const Complex ib = TimesMinusI(s2 * less1 - s1 * less2);
  y[0] = x[0] + sum1 + sum2;
  y[1] = a + ia;
  y[2] = b + ib;
  y[3] = b - ib;
  y[4] = a - ia;
}

using Signal = std::array<Complex, kFrameSamples>;

Signal Packed(const FrameSamples& frames) {
  Signal signal;
  for (int n = 0; n < kFrameSamples; ++n) {
    const auto& samples = frames[static_cast<std::size_t>(n)];
    signal[static_cast<std::size_t>(n)] = {Each([&](int i) { return samples[static_cast<std::size_t>(i)]; }),
                                           Each([&](int i) { return samples[static_cast<std::size_t>(i + kLanes)]; })};
  }
  return signal;
}

// Of Z = A + iB with real a and b: 2·A_k = Z_k + conj(Z_{N−k}), 2i·B_k = Z_k − conj(Z_{N−k}).
void Unpack(const Complex& z, const Complex& mirror, std::array<float, kFramesAtOnce>& powers) {
  for (int i = 0; i < kLanes; ++i) {
    const float a_re = z.re.v[i] + mirror.re.v[i], a_im = z.im.v[i] - mirror.im.v[i];
    const float b_re = z.im.v[i] + mirror.im.v[i], b_im = mirror.re.v[i] - z.re.v[i];
    powers[static_cast<std::size_t>(i)] = 0.25f * (a_re * a_re + a_im * a_im);
    powers[static_cast<std::size_t>(i + kLanes)] = 0.25f * (b_re * b_re + b_im * b_im);
  }
}

}  // namespace

PowerSpectrum::PowerSpectrum() {
  int size = kFrameSamples, stride = 1;
  for (const int radix : {4, 4, 5, 5}) {
    Step step{radix, size / radix, stride, {}};
    for (int p = 0; p < step.groups; ++p) {
      for (int j = 0; j < radix; ++j) {
        const double angle = -2 * std::numbers::pi * p * j / size;
        step.turns.push_back({static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))});
      }
    }
    size /= radix;
    stride *= radix;
    steps_.push_back(std::move(step));
  }
}

void PowerSpectrum::Compute(const FrameSamples& frames, FramePowers& powers) const {
  Signal from = Packed(frames);
  Signal to;
  for (const Step& step : steps_) {
    Complex in[5], out[5];
    for (int p = 0; p < step.groups; ++p) {
      const Turn* turns = &step.turns[static_cast<std::size_t>(p * step.radix)];
      for (int q = 0; q < step.stride; ++q) {
        for (int k = 0; k < step.radix; ++k) in[k] = from[static_cast<std::size_t>(q + step.stride * (p + step.groups * k))];
        step.radix == 4 ? Transform4(in, out) : Transform5(in, out);
        Complex* ready = &to[static_cast<std::size_t>(q + step.stride * step.radix * p)];
        for (int j = 0; j < step.radix; ++j) ready[step.stride * j] = Turned(out[j], turns[j].cosine, turns[j].sine);
      }
    }
    std::swap(from, to);
  }
  for (std::size_t k = 0; k < kSpectrumBins; ++k) Unpack(from[k], from[(kFrameSamples - k) % kFrameSamples], powers[k]);
}

}  // namespace berth::audio
