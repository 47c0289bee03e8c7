// Whisper's encoder (Radford et al. 2022): two convolutions over mel features, fixed positions, layers in which every state
// sees all others. A window is computed in pieces of rows whose activations stay in the cache; its result does not depend
// on other windows. Immutable once loaded.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "worker/checkpoint/whisper_config.h"
#include "worker/decoder/decoder_weights.h"
#include "worker/kernels/decoder_ops.h"
#include "worker/speech/layers.h"

namespace berth::speech {

class WhisperEncoder {
 public:
  // Takes its tensors from `weights`, which outlives it; the caller asks weights.Finish() for mistakes.
  WhisperEncoder(const checkpoint::WhisperConfig& config, decoder::DecoderWeights& weights);

  // `mel`: float32 [mels, frames()]. Returns the states [positions, width], which are the beginning of `workspace`, of
  // checkpoint::EncoderFloats(). Some steps are counted per layer, as they are done.
  const float* Forward(const float* mel, kernels::DecoderOps& ops, float* workspace,
                       std::atomic<std::uint64_t>& steps) const;

 private:
  struct Layer {
    Attention attention;
    FeedForward feed_forward;
  };
  struct Buffers;

  void Convolve(const float* mel, kernels::DecoderOps& ops, const Buffers& at) const;
  void Attend(const Attention& attention, kernels::DecoderOps& ops, const Buffers& at) const;

  checkpoint::WhisperConfig config_;
  Linear first_, second_;  // convolutions, [width, channels · 3]
  kernels::Matrix positions_;
  std::vector<Layer> layers_;
  Norm norm_;
};

}  // namespace berth::speech
