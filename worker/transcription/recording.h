// A request's audio on its way to the model: decoded, cut at silences into pieces of at most one window, and the mel
// features of each piece, made when the model wants them. The samples are counted by the budget. Made on the pool, then
// immutable; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/audio/mel.h"
#include "worker/metering/budget.h"
#include "worker/speech/decoding/segments.h"

namespace berth::transcription {

class Recording {
 public:
  // Errors: AudioReader's; kUnavailable also where the budget refuses the samples.
  static Result<std::shared_ptr<const Recording>> Read(std::span<const std::byte> file, engine::Budget& budget);

  double seconds() const;
  std::int64_t frames() const;  // of 10 ms, the last one may be a part
  // Where anything is to be heard, in pieces of at most `window_frames`.
  std::vector<speech::Piece> Pieces(std::int64_t window_frames) const;
  // [mel.bins(), window frames] of the piece by itself, with silence behind it.
  void Features(const audio::LogMel& mel, const speech::Piece& piece, std::span<float> out) const;

 private:
  std::vector<std::int16_t> samples_;  // 16 kHz
  engine::Charge charge_;
};

}  // namespace berth::transcription
