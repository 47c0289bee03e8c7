// The decoder of the Llama line (Touvron et al. 2023; Qwen2, Qwen3) over a paged KV cache: pre-norm blocks of grouped
// attention with rotary positions and a gated feed-forward. What differs between families is declared in the config:
// biases, norms of queries and keys, windows, angles, a tied output layer. The operations are kernels::DecoderOps', so
// the rows of a step are computed together and each is bitwise what it would be alone. Immutable once loaded.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "worker/checkpoint/decoder_config.h"
#include "worker/decoder/decoder_weights.h"
#include "worker/decoder/rope.h"
#include "worker/kernels/decoder_ops.h"

namespace berth::decoder {

// Tokens that are computed together, at most kDecoderTokensAtOnce: spans of different sequences, row after row.
struct DecoderStep {
  std::span<const std::int32_t> ids;
  std::span<const kernels::Span> spans;
  std::span<const std::int64_t> wanted;  // rows whose logits are wanted, ascending
};

// The memory of all layers' caches, one behind another.
struct DecoderCache {
  std::byte* data = nullptr;
  std::int64_t blocks = 0;
};

class TransformerDecoder {
 public:
  // Takes its tensors from `weights`, which outlives it; the caller asks weights.Finish() for mistakes before the first
  // Forward(). `context`: the served one.
  TransformerDecoder(const checkpoint::DecoderConfig& config, std::int64_t context, DecoderWeights& weights);

  // Writes keys and values of the step into the cache, and the wanted rows of logits [wanted, vocab_size]. `workspace`
  // has checkpoint::WorkspaceFloats(tokens). Two steps are counted per layer, as they are done.
  void Forward(const DecoderStep& step, const DecoderCache& cache, kernels::DecoderOps& ops, float* workspace,
               float* logits, std::atomic<std::uint64_t>& steps) const;

 private:
  struct Linear {
    kernels::Matrix weight;
    const float* bias = nullptr;
  };
  struct Layer {
    const float* attention_norm;
    Linear query, key, value, output;
    const float* query_norm = nullptr;  // none: the family has none
    const float* key_norm = nullptr;
    const float* feed_forward_norm;
    Linear gate, up, down;
    std::int64_t window;
  };
  struct Buffers;  // parts of the workspace

  Layer TakeLayer(DecoderWeights& weights, std::int64_t index) const;

  void Attend(const Layer& layer, const DecoderStep& step, const kernels::CacheLayer& cache, kernels::DecoderOps& ops,
              const Buffers& at) const;
  void FeedForward(const Layer& layer, kernels::DecoderOps& ops, const Buffers& at) const;
  void Logits(const DecoderStep& step, kernels::DecoderOps& ops, const Buffers& at, float* logits) const;
  float norm_eps() const { return static_cast<float>(config_.norm_eps); }

  checkpoint::DecoderConfig config_;
  kernels::Element element_;
  RotaryFrequencies rope_;
  kernels::Matrix embedding_;
  std::vector<Layer> layers_;
  const float* norm_ = nullptr;
  kernels::Matrix output_;
};

}  // namespace berth::decoder
