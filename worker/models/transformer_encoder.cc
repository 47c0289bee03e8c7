#include "worker/models/transformer_encoder.h"

#include <string_view>
#include <utility>

#include "worker/kernels/attention.h"
#include "worker/models/family.h"
#include "worker/models/relative_bias.h"

namespace berth::models {

using checkpoint::Activation;
using weights::WeightReader;

TransformerEncoder::TransformerEncoder(const checkpoint::EncoderConfig& config, WeightReader& weights)
    : config_(config) {
  const std::int64_t hidden = config.hidden_size;
  words_ = weights.Take("embeddings.word_embeddings.weight", {config.vocab_size, hidden});
  positions_ = weights.Take("embeddings.position_embeddings.weight", {config.positions, hidden});
  if (config.token_types > 0) TakeTypes(weights);
  embedding_norm_ = TakeNorm(weights, "embeddings.LayerNorm", hidden);
  for (std::int64_t i = 0; i < config.layers; ++i) layers_.push_back(TakeLayer(weights, i));
  if (config.relative_buckets > 0) TakeRelativeBias(weights);
}

void TransformerEncoder::TakeTypes(WeightReader& weights) {
  types_ =
      weights.Take("embeddings.token_type_embeddings.weight", {config_.token_types, config_.hidden_size});
  if (types_.defined()) first_type_ = types_[0];
}

void TransformerEncoder::TakeRelativeBias(WeightReader& weights) {
  const at::Tensor table =
      weights.Take("encoder.relative_attention_bias.weight", {config_.relative_buckets, config_.heads});
  if (table.defined()) bias_ = BiasByOffset(table, config_.max_tokens());
}

TransformerEncoder::Layer TransformerEncoder::TakeLayer(WeightReader& weights, std::int64_t index) const {
  const FamilyRow& row = RowOf(config_.family);
  const std::string start = std::string(row.layer) + std::to_string(index) + ".";
  const auto name = [&start](std::string_view part) { return start + std::string(part); };
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t wide = config_.intermediate_size;
  Layer layer;
  layer.query = TakeLinear(weights, name(row.query), hidden, hidden);
  layer.key = TakeLinear(weights, name(row.key), hidden, hidden);
  layer.value = TakeLinear(weights, name(row.value), hidden, hidden);
  layer.attention_output = TakeLinear(weights, name(row.attention_output), hidden, hidden);
  layer.attention_norm = TakeNorm(weights, name(row.attention_norm), hidden);
  layer.up = TakeLinear(weights, name(row.up), hidden, wide);
  layer.down = TakeLinear(weights, name(row.down), wide, hidden);
  layer.output_norm = TakeNorm(weights, name(row.output_norm), hidden);
  return layer;
}

at::Tensor TransformerEncoder::Forward(const PackedTokens& tokens, std::atomic<std::uint64_t>& steps) const {
  at::Tensor x = Embed(tokens);
  for (const Layer& layer : layers_) {
    x = Attend(layer, x, tokens.lengths);
    steps.fetch_add(1, std::memory_order_relaxed);
    x = FeedForward(layer, x);
    steps.fetch_add(1, std::memory_order_relaxed);
  }
  return x;
}

at::Tensor TransformerEncoder::Embed(const PackedTokens& tokens) const {
  at::Tensor x = at::embedding(words_, tokens.ids);
  x.add_(at::embedding(positions_, tokens.positions));
  if (types_.defined()) x.add_(tokens.types.defined() ? at::embedding(types_, tokens.types) : first_type_);
  return embedding_norm_(x, config_.layer_norm_eps);
}

at::Tensor TransformerEncoder::Attend(const Layer& layer, const at::Tensor& x,
                                      const std::vector<std::int64_t>& lengths) const {
  const at::Tensor mixed =
      kernels::Attention(layer.query(x), layer.key(x), layer.value(x), lengths, config_.heads, bias_);
  return layer.attention_norm(layer.attention_output(mixed).add_(x), config_.layer_norm_eps);
}

at::Tensor TransformerEncoder::FeedForward(const Layer& layer, const at::Tensor& x) const {
  return layer.output_norm(layer.down(Activate(layer.up(x))).add_(x), config_.layer_norm_eps);
}

at::Tensor TransformerEncoder::Activate(at::Tensor x) const {
  switch (config_.activation) {
    case Activation::kGelu:
      return at::gelu(x, "none");
    case Activation::kGeluTanh:
      return at::gelu(x, "tanh");
    case Activation::kRelu:
      return x.relu_();
    case Activation::kSilu:
      return at::silu_(x);
  }
  return x;
}

}  // namespace berth::models
