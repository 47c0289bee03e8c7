// The head of a cross-encoder with one label: the first token's hidden state to the pair's score. Immutable
// once loaded.
#pragma once

#include <ATen/ATen.h>

#include "worker/checkpoint/encoder_config.h"
#include "worker/kernels/linear.h"
#include "worker/models/family.h"
#include "worker/weights/weights.h"

namespace berth::models {

class RankingHead {
 public:
  // Takes its tensors from `weights`; mistakes are in weights.Finish().
  RankingHead(const checkpoint::EncoderConfig& config, weights::WeightReader& weights);

  // `first` [sequences, hidden_size] float32, the hidden states of the sequences' first tokens → the raw
  // logits, [sequences, 1].
  at::Tensor operator()(const at::Tensor& first) const;

 private:
  FamilyRow::HeadActivation activation_;
  kernels::Linear dense_, output_;
};

}  // namespace berth::models
