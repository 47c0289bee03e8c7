// What Whisper hears: the logarithm of a mel spectrogram, a frame every 10 ms (Radford et al. 2022, section 2.2, and
// the published code): frames of 25 ms under a periodic Hann window, around multiples of 160 samples of a signal that is
// mirrored at both ends, the last one dropped; power; triangles on Slaney's mel scale of equal area (Slaney, Auditory
// Toolbox, 1998) from 0 to 8 kHz; log10, but of 1e-10 at least; then nothing below the maximum − 8, and (x + 4) / 4.
//
// The maximum is of the whole file where its windows are decoded one after another, and of each piece where pieces are
// decoded by themselves. So that hours need not lie in memory as frames, those of any part can be computed, twice where
// the maximum must be known first. Pure; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "worker/audio/power_spectrum.h"

namespace berth::audio {

inline constexpr std::size_t kHop = 160;  // samples from one frame to the next

// 16 kHz samples, and zeros behind them up to `length` (not less than their number): what is transformed. Of a whole file
// the published code takes 480,000 zeros, and leaves out the windows that begin in them.
struct MelSignal {
  std::span<const std::int16_t> samples;
  std::size_t length = 0;

  std::size_t frames() const { return length / kHop; }
};

class LogMel {
 public:
  explicit LogMel(int bins);  // 80 or 128
  int bins() const { return static_cast<int>(filters_.size()); }

  // log10 of the energies of `frames` frames from the one called `first` on, as [bins, frames], before clamping.
  // Returns their maximum. first + frames ≤ signal.frames(). Bitwise the same in whatever parts they are computed.
  float Energies(const MelSignal& signal, std::size_t first, std::size_t frames, float* out) const;
  // The maximum over all of a signal; keeps nothing.
  float Maximum(const MelSignal& signal) const;

  // From energies to features, in place.
  static void Normalise(std::span<float> energies, float maximum);

  // [bins, frames]: features of a piece by itself, with zeros behind it up to frames · kHop samples, its own maximum.
  std::vector<float> Window(std::span<const std::int16_t> samples, std::size_t frames) const;

 private:
  struct Filter {
    int first;                   // bin of the spectrum
    std::vector<float> weights;  // from there on
  };

  // The spectra of the frames from `group` on, a multiple of their number; 0 behind the signal's last one.
  void Transform(const MelSignal& signal, std::size_t group, FramePowers& powers) const;
  static std::array<float, kFramesAtOnce> Filtered(const Filter& filter, const FramePowers& powers);

  PowerSpectrum spectrum_;
  std::vector<float> window_;
  std::vector<Filter> filters_;
};

}  // namespace berth::audio
