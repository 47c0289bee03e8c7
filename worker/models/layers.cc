#include "worker/models/layers.h"

#include <utility>

namespace berth::models {

kernels::Linear TakeLinear(weights::WeightReader& weights, const std::string& name, std::int64_t in,
                           std::int64_t out) {
  at::Tensor weight = weights.Take(name + ".weight", {out, in});
  at::Tensor bias = weights.Take(name + ".bias", {out});
  return kernels::Linear(std::move(weight), std::move(bias));
}

at::Tensor LayerNorm::operator()(const at::Tensor& x, double eps) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, eps);
}

LayerNorm TakeNorm(weights::WeightReader& weights, const std::string& name, std::int64_t size) {
  at::Tensor weight = weights.Take(name + ".weight", {size});
  at::Tensor bias = weights.Take(name + ".bias", {size});
  return {std::move(weight), std::move(bias)};
}

}  // namespace berth::models
