// The BERT encoder (Devlin et al. 2018) in float32 over a packed batch: the tokens of all sequences one after
// another, no padding. Linear layers run over all rows at once, attention inside each sequence. Immutable
// once loaded; Forward may run on one thread at a time per call's tensors, and calls share nothing but the
// weights.
#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "worker/checkpoint/encoder_config.h"
#include "worker/kernels/linear.h"
#include "worker/weights/weights.h"

namespace berth::models {

struct PackedTokens {
  at::Tensor ids;                     // [tokens] int64, below vocab_size
  at::Tensor positions;               // [tokens] int64: 0, 1, … in every sequence, below `positions`
  std::vector<std::int64_t> lengths;  // of the sequences, positive
};

class Bert {
 public:
  // Takes its tensors from `weights`; the caller asks weights.Finish() for mistakes before the first
  // Forward().
  Bert(const checkpoint::EncoderConfig& config, weights::WeightReader& weights);

  // The hidden states after the last layer: [tokens, hidden_size] float32. Two steps are counted per layer,
  // as they are done. Throws what libtorch throws. The caller holds a c10::InferenceMode.
  at::Tensor Forward(const PackedTokens& tokens, std::atomic<std::uint64_t>& steps) const;

 private:
  struct LayerNorm {
    at::Tensor weight, bias;
  };
  struct Layer {
    kernels::Linear query, key, value, attention_output;
    LayerNorm attention_norm;
    kernels::Linear up, down;
    LayerNorm output_norm;
  };

  static kernels::Linear TakeLinear(weights::WeightReader& weights, const std::string& name, std::int64_t in,
                                    std::int64_t out);
  static LayerNorm TakeNorm(weights::WeightReader& weights, const std::string& name, std::int64_t size);
  Layer TakeLayer(weights::WeightReader& weights, std::int64_t index) const;

  at::Tensor Embed(const PackedTokens& tokens) const;
  at::Tensor Attend(const Layer& layer, const at::Tensor& x, const std::vector<std::int64_t>& lengths) const;
  at::Tensor FeedForward(const Layer& layer, const at::Tensor& x) const;
  at::Tensor Activate(at::Tensor x) const;
  at::Tensor Normalize(const LayerNorm& norm, const at::Tensor& x) const;

  checkpoint::EncoderConfig config_;
  at::Tensor words_;      // [vocab_size, hidden_size]
  at::Tensor positions_;  // [positions, hidden_size]
  at::Tensor segment_;    // [hidden_size]: token type 0, the only one a single text has
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
};

}  // namespace berth::models
