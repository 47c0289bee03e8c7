// Whisper's decoder (Radford et al. 2022): learned positions, layers of causal attention over a paged KV cache, attention
// over what the encoder made of a window, and a feed-forward; the output layer is the embedding. The rows of a step belong
// to any windows and hypotheses, and each is bitwise what it would be alone. Immutable once loaded.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "worker/checkpoint/whisper_config.h"
#include "worker/decoder/decoder_weights.h"
#include "worker/kernels/decoder_ops.h"
#include "worker/speech/layers.h"

namespace berth::speech {

// Consecutive rows of a step that hear the same window: its keys and values of all layers, as Listen() made them.
struct HeardRows {
  std::int64_t row = 0;
  std::int64_t rows = 0;
  float* window = nullptr;
};

// At most checkpoint::kSpeechStepRows rows.
struct DecoderStep {
  std::span<const std::int32_t> ids;
  std::span<const std::int32_t> positions;
  std::span<const kernels::Span> spans;
  std::span<const HeardRows> heard;      // together all rows
  std::span<const std::int64_t> wanted;  // rows whose logits are wanted, ascending
};

// The memory of all layers' caches, one behind another.
struct DecoderCache {
  std::byte* data = nullptr;
  std::int64_t blocks = 0;
};

// Scores of some heads over the frames of the one window of a step, before the softmax: [heads, rows, positions].
struct AlignmentScores {
  std::span<const checkpoint::AlignmentHead> heads;
  float* scores = nullptr;
};

class WhisperDecoder {
 public:
  WhisperDecoder(const checkpoint::WhisperConfig& config, decoder::DecoderWeights& weights);

  // Makes of the encoder's states [positions, width] the keys and values of all layers: `window` has
  // checkpoint::WindowFloats(). `workspace`: 2 · kSpeechRowsAtOnce · width floats.
  void Listen(const float* states, kernels::DecoderOps& ops, float* workspace, float* window,
              std::atomic<std::uint64_t>& steps) const;

  // Writes the wanted rows of logits [wanted, vocab_size]. `workspace` has checkpoint::StepFloats(rows).
  void Forward(const DecoderStep& step, const DecoderCache& cache, kernels::DecoderOps& ops, float* workspace,
               float* logits, std::atomic<std::uint64_t>& steps, const AlignmentScores* alignment = nullptr) const;

 private:
  struct Layer {
    Attention self, cross;
    FeedForward feed_forward;
  };
  struct Buffers;

  kernels::FrameCache WindowCache(float* window, std::size_t layer) const;
  void AttendTokens(const Layer& layer, const DecoderStep& step, const kernels::CacheLayer& cache,
                    kernels::DecoderOps& ops, const Buffers& at) const;
  void AttendFrames(std::size_t layer, const DecoderStep& step, kernels::DecoderOps& ops, const Buffers& at,
                    const AlignmentScores* alignment) const;
  float scale() const;

  checkpoint::WhisperConfig config_;
  kernels::Matrix embedding_, positions_, output_;
  std::vector<Layer> layers_;
  Norm norm_;
};

}  // namespace berth::speech
