// The next token from a row of logits, as a request wants it drawn. Pure functions of the row, the tokens so far and
// the draw's place, so a seeded result does not depend on what ran beside it. The steps, in this order:
//
//  1. repetition penalty (Keskar et al. 2019) of every token of prompt and output: l / r where l > 0, l · r elsewhere;
//     frequency · count and presence, of the output's tokens, are subtracted
//  2. logit_bias is added
//  3. masks: ids that the tokenizer lacks, and end tokens before min_tokens
//  4. temperature; 0 takes the best, the lowest id among equals, and the rest is left out
//  5. top_k; typical_p (Meister et al. 2022); top_p (Holtzman et al. 2020); min_p (of the best's probability): each
//     keeps the fewest tokens that satisfy it, at least one, the lower id among equals, and the next one counts
//     probabilities among those that were kept
//  6. the draw: the first token, by ascending id, at which the sum of probabilities exceeds the uniform number
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "worker/generation/generation.h"

namespace berth::engine {

// What a sampler needs to know of a prompt: each of its ids once, ascending; empty where prompts are not penalized.
std::vector<std::int32_t> DistinctIds(const Sampling& sampling, std::span<const std::int32_t> prompt);

class Sampler {
 public:
  struct Place {
    std::uint64_t seed = 0;
    int choice = 0;
    // DistinctIds() of the prompt, where its tokens are penalized.
    std::span<const std::int32_t> prompt;
  };
  // `sampling` and the prompt outlive this. Ids from `sampled_vocab` on are never drawn.
  Sampler(const Sampling& sampling, const Place& place, int sampled_vocab);

  // A token was drawn, and is part of the output.
  void SeeOutput(std::int32_t id);

  // From `logits`, float32 [vocab], finite, for the token at `position` of the sequence. `masked`: ids that must not
  // be drawn now, unless nothing else is left.
  std::int32_t Draw(std::span<const float> logits, std::int64_t position,
                    std::span<const std::int32_t> masked) const;

 private:
  void Adjust(std::span<float> logits, std::span<const std::int32_t> masked) const;
  void Penalize(std::span<float> logits) const;

  const Sampling& sampling_;
  const Place place_;
  const int sampled_vocab_;
  std::unordered_map<std::int32_t, int> outputs_;  // how often each was drawn; empty where nothing is penalized
};

}  // namespace berth::engine
