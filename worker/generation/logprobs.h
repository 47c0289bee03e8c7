// Log-probabilities of tokens under a row of raw logits: the log-softmax over the whole vocabulary, before any
// temperature, penalty or mask; summed in double, in the order of the ids. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "worker/generation/generation.h"

namespace berth::engine {

// Whether a row of logits is one to draw from: no infinity and no NaN in it.
bool AllFinite(std::span<const float> logits);

// The logprob of `id`, and the `top` best ones among the ids below `sampled_vocab`, best first, the lower id first
// among equals. `logits`: float32 [vocab], finite.
struct TokenLogprobs {
  float own = 0;
  std::vector<TokenLogprob> top;
};
TokenLogprobs LogprobsOf(std::span<const float> logits, std::int32_t id, int top, int sampled_vocab);

}  // namespace berth::engine
