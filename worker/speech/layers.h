// What Whisper's encoder and decoder share (Vaswani et al. 2017, with the norm in front): linear layers, norms, the parts of
// an attention, the feed-forward. Weights are taken by the names of published checkpoints.
#pragma once

#include <cstdint>
#include <string>

#include "worker/decoder/decoder_weights.h"
#include "worker/kernels/decoder_ops.h"

namespace berth::speech {

inline constexpr float kNormEps = 1e-5f;  // fixed by the published code

struct Linear {
  kernels::Matrix weight;
  const float* bias = nullptr;

  kernels::Product To(float* y, bool add = false) const { return {weight, bias, y, add}; }
};

struct Norm {
  const float* weight = nullptr;
  const float* bias = nullptr;

  void Apply(kernels::DecoderOps& ops, const float* x, std::int64_t rows, std::int64_t width, float* y) const {
    ops.LayerNorm(x, rows, width, weight, bias, kNormEps, y);
  }
};

struct Attention {
  Norm norm;
  Linear query, key, value, output;  // keys have no bias
};

struct FeedForward {
  Norm norm;
  Linear up, down;

  // x [rows, width] += down(gelu(up(norm(x)))); `normed` [rows, width], `wide` [rows, up.weight.rows].
  void Apply(kernels::DecoderOps& ops, float* x, std::int64_t rows, float* normed, float* wide) const;
};

Norm TakeNorm(decoder::DecoderWeights& weights, const std::string& name, std::int64_t width);
// `name`: "encoder.layers.0.self_attn", whose norm is "…_layer_norm".
Attention TakeAttention(decoder::DecoderWeights& weights, const std::string& name, std::int64_t width);
// `layer`: "encoder.layers.0.".
FeedForward TakeFeedForward(decoder::DecoderWeights& weights, const std::string& layer, std::int64_t width,
                            std::int64_t wide);

}  // namespace berth::speech
