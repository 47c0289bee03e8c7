// The relative attention bias of T5 (Raffel et al. 2020, section 2.1) as MPNet has it: both directions, 32
// buckets, distances told apart up to 128. What is added to a score depends on the head and on how far the
// key is from the query, and is the same in all layers. Stateless.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>

namespace berth::models {

// The table's row for a key that stands `offset` tokens behind its query (negative: before it), 0 … 31.
// Distances below 8 have rows of their own, the others share eight, each reaching √2 times as far as the one
// before; keys behind their query have the second half of the table.
std::int64_t RelativeBucket(std::int64_t offset);

// `table` [32, heads] float32. Returns [heads, 2 * longest − 1], where column longest − 1 − offset is for a
// key at `offset`: all that sequences of up to `longest` tokens need.
at::Tensor BiasByOffset(const at::Tensor& table, std::int64_t longest);

}  // namespace berth::models
