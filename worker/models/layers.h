// Layers taken from a checkpoint by name: what all models are put together from. Stateless.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>

#include "worker/kernels/linear.h"
#include "worker/weights/weights.h"

namespace berth::models {

// `name`.weight [out, in] and `name`.bias [out].
kernels::Linear TakeLinear(weights::WeightReader& weights, const std::string& name, std::int64_t in,
                           std::int64_t out);

struct LayerNorm {
  at::Tensor weight, bias;  // [size]

  // `x` [rows, size] → the same shape.
  at::Tensor operator()(const at::Tensor& x, double eps) const;
};

// `name`.weight and `name`.bias, both [size].
LayerNorm TakeNorm(weights::WeightReader& weights, const std::string& name, std::int64_t size);

}  // namespace berth::models
