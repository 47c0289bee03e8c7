#include "worker/speech/layers.h"

#include <array>

namespace berth::speech {

void FeedForward::Apply(kernels::DecoderOps& ops, float* x, std::int64_t rows, float* normed, float* wide) const {
  norm.Apply(ops, x, rows, up.weight.columns, normed);
  ops.Linear(normed, rows, std::array{up.To(wide)});
  ops.Gelu(wide, rows * up.weight.rows);
  ops.Linear(wide, rows, std::array{down.To(x, true)});
}

Norm TakeNorm(decoder::DecoderWeights& weights, const std::string& name, std::int64_t width) {
  return {weights.TakeVector(name + ".weight", width), weights.TakeVector(name + ".bias", width)};
}

Attention TakeAttention(decoder::DecoderWeights& weights, const std::string& name, std::int64_t width) {
  const auto linear = [&](const std::string& part, bool bias) {
    const kernels::Matrix weight = weights.TakeMatrix(name + "." + part + ".weight", width, width);
    return Linear{weight, bias ? weights.TakeVector(name + "." + part + ".bias", width) : nullptr};
  };
  Attention attention;
  attention.norm = TakeNorm(weights, name + "_layer_norm", width);
  attention.query = linear("q_proj", true);
  attention.key = linear("k_proj", false);
  attention.value = linear("v_proj", true);
  attention.output = linear("out_proj", true);
  return attention;
}

FeedForward TakeFeedForward(decoder::DecoderWeights& weights, const std::string& layer, std::int64_t width,
                            std::int64_t wide) {
  FeedForward feed_forward;
  feed_forward.norm = TakeNorm(weights, layer + "final_layer_norm", width);
  feed_forward.up = {weights.TakeMatrix(layer + "fc1.weight", wide, width), weights.TakeVector(layer + "fc1.bias", wide)};
  feed_forward.down = {weights.TakeMatrix(layer + "fc2.weight", width, wide),
                       weights.TakeVector(layer + "fc2.bias", width)};
  return feed_forward;
}

}  // namespace berth::speech
