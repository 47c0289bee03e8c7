// Attention inside each sequence of a packed batch: no padding, so no mask. Stateless.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>

namespace berth::kernels {

// Scores held at once: 2 Mi floats are 8 MiB, enough for 32 sequences of 64 tokens with 12 heads, and still in or near
// the cache. A longer sequence is computed alone. What this holds at its peak, checkpoint/encoder_footprint.cc says.
inline constexpr std::int64_t kScoresAtOnce = 2 * 1024 * 1024;

// softmax(q kᵀ / √head_size) v per sequence and head (Vaswani et al. 2017, eq. 1), every token seeing its
// whole sequence. `q`, `k`, `v`: [tokens, heads * head_size] float32, the sequences one after another with
// `lengths` tokens each (positive, summing to `tokens`). Returns the same shape. Neighbours of equal length
// are computed together, so a batch sorted by length needs the fewest calls.
//
// `bias`: undefined, or what is added to the scores before the softmax by how far the key is from the query,
// [heads, 2n − 1] float32, contiguous: column n − 1 + i − j for query i and key j. No length may be above n.
at::Tensor Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     std::span<const std::int64_t> lengths, std::int64_t heads, const at::Tensor& bias = {});

}  // namespace berth::kernels
