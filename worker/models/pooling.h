// Token vectors of a sequence to one sentence vector, as sentence-transformers' Pooling module does it.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "worker/checkpoint/sentence_config.h"

namespace berth::models {

// `hidden` [tokens, size] float32 of one sequence, at least one token. The first `skip` tokens (a prompt that
// is left out) do not count for mean and max; when they are all there is, all count. Returns [size], not
// normalised.
at::Tensor Pool(const at::Tensor& hidden, checkpoint::Pooling pooling, std::int64_t skip);

}  // namespace berth::models
