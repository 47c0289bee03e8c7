#include "worker/decoder/transformer_decoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "worker/checkpoint/decoder_footprint.h"

namespace berth::decoder {

using kernels::DecoderOps;
using kernels::Matrix;
using kernels::Product;

// Whose size is checkpoint::WorkspaceFloats().
struct TransformerDecoder::Buffers {
  std::int64_t rows;
  float* x;                    // [rows, hidden_size], what is added to layer by layer
  float* normed;               // [rows, hidden_size]
  kernels::Rotation rotation;  // [rows, rotary_size / 2], twice
  float *query, *mixed;        // [rows, query_size]
  float *key, *value;          // [rows, kv_size]
  float *gate, *up;            // [rows, intermediate_size]; in the place of the four above

  Buffers(const checkpoint::DecoderConfig& config, const RotaryFrequencies& rope, const DecoderStep& step,
          float* workspace)
      : rows(static_cast<std::int64_t>(step.ids.size())) {
    const auto take = [&workspace, this](std::int64_t width) {
      return std::exchange(workspace, workspace + rows * width);
    };
    x = take(config.hidden_size);
    normed = take(config.hidden_size);
    const std::int64_t half = config.rope.rotary_size / 2;
    float* cosines = take(half);
    float* sines = take(half);
    for (const kernels::Span& span : step.spans) {
      rope.Fill(span.position, span.tokens, cosines + span.row * half, sines + span.row * half);
    }
    rotation = {cosines, sines, half};
    gate = query = take(0);
    up = gate + rows * config.intermediate_size;
    take(config.query_size());
    mixed = take(config.query_size());
    key = take(config.kv_size());
    value = take(config.kv_size());
  }
};

TransformerDecoder::TransformerDecoder(const checkpoint::DecoderConfig& config, std::int64_t context,
                                       DecoderWeights& weights)
    : config_(config), element_(weights.element()), rope_(FrequenciesOf(config.rope, context)) {
  embedding_ = weights.TakeMatrix("embed_tokens.weight", config.vocab_size, config.hidden_size);
  for (std::int64_t i = 0; i < config.layers; ++i) layers_.push_back(TakeLayer(weights, i));
  norm_ = weights.TakeVector("norm.weight", config.hidden_size);
  output_ = config.tied ? embedding_ : weights.TakeMatrix("lm_head.weight", config.vocab_size, config.hidden_size);
}

TransformerDecoder::Layer TransformerDecoder::TakeLayer(DecoderWeights& weights, std::int64_t index) const {
  const std::string start = "layers." + std::to_string(index) + ".";
  const std::string attention = start + "self_attn.", mlp = start + "mlp.";
  const std::int64_t hidden = config_.hidden_size, wide = config_.intermediate_size;
  const auto linear = [&weights](const std::string& name, std::int64_t in, std::int64_t out, bool bias) {
    const kernels::Matrix weight = weights.TakeMatrix(name + ".weight", out, in);
    return Linear{weight, bias ? weights.TakeVector(name + ".bias", out) : nullptr};
  };
  Layer layer;
  layer.attention_norm = weights.TakeVector(start + "input_layernorm.weight", hidden);
  layer.query = linear(attention + "q_proj", hidden, config_.query_size(), config_.qkv_bias);
  layer.key = linear(attention + "k_proj", hidden, config_.kv_size(), config_.qkv_bias);
  layer.value = linear(attention + "v_proj", hidden, config_.kv_size(), config_.qkv_bias);
  layer.output = linear(attention + "o_proj", config_.query_size(), hidden, config_.output_bias);
  if (config_.qk_norm) {
    layer.query_norm = weights.TakeVector(attention + "q_norm.weight", config_.head_size);
    layer.key_norm = weights.TakeVector(attention + "k_norm.weight", config_.head_size);
  }
  layer.feed_forward_norm = weights.TakeVector(start + "post_attention_layernorm.weight", hidden);
  layer.gate = linear(mlp + "gate_proj", hidden, wide, config_.mlp_bias);
  layer.up = linear(mlp + "up_proj", hidden, wide, config_.mlp_bias);
  layer.down = linear(mlp + "down_proj", wide, hidden, config_.mlp_bias);
  layer.window = config_.windows[static_cast<std::size_t>(index)];
  return layer;
}

void TransformerDecoder::Forward(const DecoderStep& step, const DecoderCache& cache, DecoderOps& ops, float* workspace,
                                 float* logits, std::atomic<std::uint64_t>& steps) const {
  const Buffers at(config_, rope_, step, workspace);
  ops.Embed(embedding_, step.ids, at.x);
  kernels::CacheLayer layer_cache{cache.data, element_, config_.kv_heads, config_.head_size};
  for (const Layer& layer : layers_) {
    Attend(layer, step, layer_cache, ops, at);
    steps.fetch_add(1, std::memory_order_relaxed);
    FeedForward(layer, ops, at);
    steps.fetch_add(1, std::memory_order_relaxed);
    layer_cache.data += cache.blocks * layer_cache.block_bytes();
  }
  if (!step.wanted.empty()) Logits(step, ops, at, logits);
}

void TransformerDecoder::Attend(const Layer& layer, const DecoderStep& step, const kernels::CacheLayer& cache,
                                DecoderOps& ops, const Buffers& at) const {
  const std::int64_t heads = config_.heads, kv_heads = config_.kv_heads, size = config_.head_size;
  ops.RmsNorm(at.x, at.rows, config_.hidden_size, layer.attention_norm, norm_eps(), at.normed);
  const std::array products = {Product{layer.query.weight, layer.query.bias, at.query},
                               Product{layer.key.weight, layer.key.bias, at.key},
                               Product{layer.value.weight, layer.value.bias, at.value}};
  ops.Linear(at.normed, at.rows, products);
  if (layer.query_norm != nullptr) {
    ops.RmsNorm(at.query, at.rows * heads, size, layer.query_norm, norm_eps(), at.query);
    ops.RmsNorm(at.key, at.rows * kv_heads, size, layer.key_norm, norm_eps(), at.key);
  }
  ops.Rotate(at.query, at.rows, heads, size, at.rotation);
  ops.Rotate(at.key, at.rows, kv_heads, size, at.rotation);
  ops.Store(at.key, at.value, step.spans, cache);
  const float scale = 1 / std::sqrt(static_cast<float>(size));
  ops.Attend(at.query, heads, step.spans, cache, scale, layer.window, at.mixed);
  ops.Linear(at.mixed, at.rows, std::array{Product{layer.output.weight, layer.output.bias, at.x, true}});
}

void TransformerDecoder::FeedForward(const Layer& layer, DecoderOps& ops, const Buffers& at) const {
  ops.RmsNorm(at.x, at.rows, config_.hidden_size, layer.feed_forward_norm, norm_eps(), at.normed);
  const std::array products = {Product{layer.gate.weight, layer.gate.bias, at.gate},
                               Product{layer.up.weight, layer.up.bias, at.up}};
  ops.Linear(at.normed, at.rows, products);
  ops.SiluMul(at.gate, at.up, at.rows * config_.intermediate_size);
  ops.Linear(at.gate, at.rows, std::array{Product{layer.down.weight, layer.down.bias, at.x, true}});
}

void TransformerDecoder::Logits(const DecoderStep& step, DecoderOps& ops, const Buffers& at, float* logits) const {
  const std::int64_t hidden = config_.hidden_size;
  const auto rows = static_cast<std::int64_t>(step.wanted.size());
  ops.Select(at.x, step.wanted, hidden, at.normed);
  ops.RmsNorm(at.normed, rows, hidden, norm_, norm_eps(), at.normed);
  ops.Linear(at.normed, rows, std::array{Product{output_, nullptr, logits}});
}

}  // namespace berth::decoder
