// A linear layer, y = x Wᵀ + b, behind one interface, so that other kernels (packed, bf16, int8) can take its
// place without the models noticing. Immutable: any thread may call it.
#pragma once

#include <ATen/ATen.h>

namespace berth::kernels {

class Linear {
 public:
  Linear() = default;
  // `weight` [out, in] and `bias` [out], float32; kept by reference, so a mapped file stays mapped as long as
  // they do.
  Linear(at::Tensor weight, at::Tensor bias);

  // `x` [rows, in] float32 → [rows, out].
  at::Tensor operator()(const at::Tensor& x) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace berth::kernels
