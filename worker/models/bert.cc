#include "worker/models/bert.h"

#include <string>
#include <utility>

#include "worker/kernels/attention.h"

namespace berth::models {

using checkpoint::Activation;
using kernels::Linear;
using weights::WeightReader;

Linear Bert::TakeLinear(WeightReader& weights, const std::string& name, std::int64_t in, std::int64_t out) {
  at::Tensor weight = weights.Take(name + ".weight", {out, in});
  at::Tensor bias = weights.Take(name + ".bias", {out});
  return Linear(std::move(weight), std::move(bias));
}

Bert::LayerNorm Bert::TakeNorm(WeightReader& weights, const std::string& name, std::int64_t size) {
  at::Tensor weight = weights.Take(name + ".weight", {size});
  at::Tensor bias = weights.Take(name + ".bias", {size});
  return {std::move(weight), std::move(bias)};
}

Bert::Layer Bert::TakeLayer(WeightReader& weights, std::int64_t index) const {
  const std::string name = "encoder.layer." + std::to_string(index) + ".";
  const std::int64_t hidden = config_.hidden_size;
  const std::int64_t wide = config_.intermediate_size;
  Layer layer;
  layer.query = TakeLinear(weights, name + "attention.self.query", hidden, hidden);
  layer.key = TakeLinear(weights, name + "attention.self.key", hidden, hidden);
  layer.value = TakeLinear(weights, name + "attention.self.value", hidden, hidden);
  layer.attention_output = TakeLinear(weights, name + "attention.output.dense", hidden, hidden);
  layer.attention_norm = TakeNorm(weights, name + "attention.output.LayerNorm", hidden);
  layer.up = TakeLinear(weights, name + "intermediate.dense", hidden, wide);
  layer.down = TakeLinear(weights, name + "output.dense", wide, hidden);
  layer.output_norm = TakeNorm(weights, name + "output.LayerNorm", hidden);
  return layer;
}

Bert::Bert(const checkpoint::EncoderConfig& config, WeightReader& weights) : config_(config) {
  const std::int64_t hidden = config.hidden_size;
  words_ = weights.Take("embeddings.word_embeddings.weight", {config.vocab_size, hidden});
  positions_ = weights.Take("embeddings.position_embeddings.weight", {config.positions, hidden});
  const at::Tensor types =
      weights.Take("embeddings.token_type_embeddings.weight", {config.token_types, hidden});
  if (types.defined()) segment_ = types[0];
  embedding_norm_ = TakeNorm(weights, "embeddings.LayerNorm", hidden);
  for (std::int64_t i = 0; i < config.layers; ++i) layers_.push_back(TakeLayer(weights, i));
}

at::Tensor Bert::Forward(const PackedTokens& tokens, std::atomic<std::uint64_t>& steps) const {
  at::Tensor x = Embed(tokens);
  for (const Layer& layer : layers_) {
    x = Attend(layer, x, tokens.lengths);
    steps.fetch_add(1, std::memory_order_relaxed);
    x = FeedForward(layer, x);
    steps.fetch_add(1, std::memory_order_relaxed);
  }
  return x;
}

at::Tensor Bert::Embed(const PackedTokens& tokens) const {
  at::Tensor x = at::embedding(words_, tokens.ids);
  x.add_(at::embedding(positions_, tokens.positions)).add_(segment_);
  return Normalize(embedding_norm_, x);
}

at::Tensor Bert::Attend(const Layer& layer, const at::Tensor& x,
                        const std::vector<std::int64_t>& lengths) const {
  const at::Tensor mixed =
      kernels::Attention(layer.query(x), layer.key(x), layer.value(x), lengths, config_.heads);
  return Normalize(layer.attention_norm, layer.attention_output(mixed).add_(x));
}

at::Tensor Bert::FeedForward(const Layer& layer, const at::Tensor& x) const {
  return Normalize(layer.output_norm, layer.down(Activate(layer.up(x))).add_(x));
}

at::Tensor Bert::Activate(at::Tensor x) const {
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

at::Tensor Bert::Normalize(const LayerNorm& norm, const at::Tensor& x) const {
  return at::layer_norm(x, {config_.hidden_size}, norm.weight, norm.bias, config_.layer_norm_eps);
}

}  // namespace berth::models
