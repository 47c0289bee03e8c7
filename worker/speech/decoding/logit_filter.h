// Which tokens may come next in a transcript: openai/whisper's rules, applied to one row of logits. What may not becomes −∞.
// In this order: nothing blank at the first place; never a token that is no speech; then, where timestamps are wanted,
// - they come in pairs, but for the last one, which the end follows; none goes back, and no segment is of no length,
// - the first token is a timestamp of at most max_initial_timestamp,
// - where all timestamps together are more probable than the best text, it is a timestamp.
// Timestamps beyond the model's window are never allowed, and none where they are not wanted. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "worker/speech/decoding/tokens.h"

namespace berth::speech {

struct FilterRules {
  const SpeechTokens* tokens = nullptr;
  bool timestamps = true;
  std::int64_t max_initial_timestamp = 50;  // of 20 ms
};

// `sampled`: the tokens since the prompt. `logits`: float32 [vocab].
void FilterLogits(const FilterRules& rules, std::span<const Token> sampled, std::span<float> logits);

}  // namespace berth::speech
