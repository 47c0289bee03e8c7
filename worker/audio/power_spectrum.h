// Power spectra of frames of 400 samples, many frames side by side: the frames are the innermost dimension of every
// array, so that each step of the transform is one vector operation, and two frames share a complex transform, one as its
// real and one as its imaginary part. Pure; tables are made once; any thread.
#pragma once

#include <array>
#include <vector>

namespace berth::audio {

inline constexpr int kFrameSamples = 400;
inline constexpr int kSpectrumBins = kFrameSamples / 2 + 1;
inline constexpr int kFramesAtOnce = 16;

using FrameSamples = std::array<std::array<float, kFramesAtOnce>, kFrameSamples>;   // [sample, frame]
using FramePowers = std::array<std::array<float, kFramesAtOnce>, kSpectrumBins>;    // [bin, frame]

// |X_k|² for X_k = Σ x_n exp(−2πi·kn/400), k = 0 … 200.
class PowerSpectrum {
 public:
  PowerSpectrum();
  void Compute(const FrameSamples& frames, FramePowers& powers) const;

 private:
  struct Turn {
    float cosine;
    float sine;
  };
  // One step of Stockham's mixed-radix transform (Van Loan, Computational Frameworks for the FFT, 1992): groups of
  // `radix` values `groups`·`stride` apart become neighbours, turned by exp(−2πi·pj / (radix·groups)).
  struct Step {
    int radix;
    int groups;
    int stride;
    std::vector<Turn> turns;  // [groups, radix]
  };

  std::vector<Step> steps_;
};

}  // namespace berth::audio
