// The encoder of the BERT line (Devlin et al. 2018; Sanh et al. 2019 for DistilBERT; Song et al. 2020 for
// MPNet) in float32 over a packed batch: the tokens of all sequences one after another, no padding. Linear
// layers run over all rows at once, attention inside each sequence. What differs between the families is
// declared: names in family.h, segments, positions and the relative bias in the config. Immutable once
// loaded; Forward may run on one thread at a time per call's tensors, and calls share nothing but the
// weights.
#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "worker/checkpoint/encoder_config.h"
#include "worker/kernels/linear.h"
#include "worker/models/layers.h"
#include "worker/models/packed_tokens.h"
#include "worker/weights/weights.h"

namespace berth::models {

class TransformerEncoder {
 public:
  // Takes its tensors from `weights`; the caller asks weights.Finish() for mistakes before the first
  // Forward().
  TransformerEncoder(const checkpoint::EncoderConfig& config, weights::WeightReader& weights);

  // The hidden states after the last layer: [tokens, hidden_size] float32. Two steps are counted per layer,
  // as they are done. Families without token types do not look at `types`. Throws what libtorch throws. The
  // caller holds a c10::InferenceMode.
  at::Tensor Forward(const PackedTokens& tokens, std::atomic<std::uint64_t>& steps) const;

  // Of what was computed from tensors and is kept: the relative biases by offset.
  Bytes made_bytes() const { return Bytes{bias_.defined() ? bias_.nbytes() : 0}; }

 private:
  struct Layer {
    kernels::Linear query, key, value, attention_output;
    LayerNorm attention_norm;
    kernels::Linear up, down;
    LayerNorm output_norm;
  };

  Layer TakeLayer(weights::WeightReader& weights, std::int64_t index) const;
  void TakeTypes(weights::WeightReader& weights);
  void TakeRelativeBias(weights::WeightReader& weights);

  at::Tensor Embed(const PackedTokens& tokens) const;
  at::Tensor Attend(const Layer& layer, const at::Tensor& x, const std::vector<std::int64_t>& lengths) const;
  at::Tensor FeedForward(const Layer& layer, const at::Tensor& x) const;
  at::Tensor Activate(at::Tensor x) const;

  checkpoint::EncoderConfig config_;
  at::Tensor words_;       // [vocab_size, hidden_size]
  at::Tensor positions_;   // [positions, hidden_size]
  at::Tensor types_;       // [token_types, hidden_size]; undefined: the family has none
  at::Tensor first_type_;  // [hidden_size], types_[0]: the only one a single text has
  at::Tensor bias_;        // [heads, 2 * max_tokens - 1], see BiasByOffset; undefined: the family has none
  LayerNorm embedding_norm_;
  std::vector<Layer> layers_;
};

}  // namespace berth::models
