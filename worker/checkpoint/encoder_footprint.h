// What an encoder holds in memory, computed before it is loaded: from its config and the headers of its weights.
// The formulas follow worker/weights, worker/models and worker/kernels; whoever changes what is alive there changes
// them here, and tests hold the two together. Pure but for the checkpoint, which the caller has mapped; no page of a
// tensor is touched.
#pragma once

#include <cstdint>

#include "supervisor/base/bytes.h"
#include "worker/checkpoint/encoder_config.h"
#include "worker/checkpoint/safetensors.h"

namespace berth::checkpoint {

// Tokens that are computed at once. Enough for the matrix products to run at their best; few enough that activations
// stay near the cache, that their memory does not grow with the batch, and that a step stays far below a second. A
// longer sequence is computed alone.
inline constexpr std::int64_t kTokensAtOnce = 1024;
// Attention scores held at once: 2 Mi floats are 8 MiB, enough for 32 sequences of 64 tokens with 12 heads, and still
// in or near the cache. A longer sequence is computed alone.
inline constexpr std::int64_t kScoresAtOnce = 2 * 1024 * 1024;

struct WeightBytes {
  Bytes mapped;        // float32 tensors that stay in the file, shared by all processes that map it
  Bytes owned;         // tensors that each process has for itself: widened halves, the table of relative biases
  Bytes largest_half;  // the largest tensor as it is in the file, of which a copy exists while it is widened
};

// The tensors that the worker takes; heads that the task does not need stay untouched in the file.
WeightBytes WeightsOf(const EncoderConfig& config, const Checkpoint& checkpoint);

// The most that is alive at any moment of one forward pass over `tokens` tokens, in sequences of at most `longest`,
// whatever their lengths. Both are at least 1.
Bytes PeakActivations(const EncoderConfig& config, std::int64_t tokens, std::int64_t longest);

// Tokens that one forward pass gets, where batches have at most `max_tokens` and sequences at most `longest`.
std::int64_t TokensOfAPass(std::int64_t max_tokens, std::int64_t longest);

}  // namespace berth::checkpoint
