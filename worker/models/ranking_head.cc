#include "worker/models/ranking_head.h"

#include <string>

#include "worker/models/layers.h"

namespace berth::models {

RankingHead::RankingHead(const checkpoint::EncoderConfig& config, weights::WeightReader& weights) {
  const FamilyRow& row = RowOf(config.family);
  activation_ = row.head_activation;
  dense_ = TakeLinear(weights, std::string(row.head_dense), config.hidden_size, config.hidden_size);
  output_ = TakeLinear(weights, std::string(row.head_output), config.hidden_size, 1);
}

at::Tensor RankingHead::operator()(const at::Tensor& first) const {
  const at::Tensor pooled = dense_(first);
  return output_(activation_ == FamilyRow::HeadActivation::kTanh ? at::tanh(pooled) : at::relu(pooled));
}

}  // namespace berth::models
