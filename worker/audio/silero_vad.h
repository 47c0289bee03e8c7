// Voice activity by Silero's published network for 16 kHz (snakers4/silero-vad, v5 and v6; MIT): how likely each 512 samples
// have speech. A short-time Fourier transform as a convolution, four convolutions, one LSTM cell, a sigmoid; 310,000
// weights from a safetensors file. The weights are immutable, and any thread may use them; a detector is one stream's,
// used by one thread at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"
#include "worker/audio/pieces.h"
#include "worker/kernels/decoder_ops.h"

namespace berth::audio {

struct SileroWeights {
  std::vector<float> transform;               // [2 · 129, 256]: cosines, then sines, under a window
  struct Convolution {
    std::vector<float> weight;                // [out, in, 3]
    std::vector<float> bias;                  // [out]
    std::int64_t in = 0;
    std::int64_t out = 0;
    std::int64_t stride = 1;
  };
  Convolution convolutions[4];
  std::vector<float> input_weight, state_weight;  // [512, 128]: gates input, forget, cell, output
  std::vector<float> input_bias, state_bias;      // [512]
  std::vector<float> last_weight;                 // [128]
  std::vector<float> last_bias;                   // [1]

  // Errors: those of ParseSafetensors; a tensor that is missing, or of another type or shape, by name.
  static Result<std::shared_ptr<const SileroWeights>> Open(const std::filesystem::path& path);
  Bytes memory() const;
};

class SpeechDetector {
 public:
  explicit SpeechDetector(std::shared_ptr<const SileroWeights> weights);
  ~SpeechDetector();

  // The next samples of the stream: appends the probability of each hop that they complete.
  void Add(std::span<const std::int16_t> samples, std::vector<float>& probabilities);
  // The stream's end: that of the last hop, if it is a part, with silence behind it. A new stream may follow.
  void Finish(std::vector<float>& probabilities);

 private:
  // Hops whose convolutions are computed together; one needs what the LSTM made of the one before.
  static constexpr std::size_t kHopsAtOnce = 32;
  struct Work;

  void Run(std::vector<float>& probabilities);  // over what is pending, up to kHopsAtOnce hops
  void Transform(std::size_t hops);
  void Convolve(std::size_t layer, std::size_t hops);
  float Listen(std::size_t hop);  // the LSTM

  const std::shared_ptr<const SileroWeights> weights_;
  const std::unique_ptr<kernels::DecoderOps> ops_;
  std::unique_ptr<Work> work_;
};

}  // namespace berth::audio
