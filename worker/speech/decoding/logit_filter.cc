#include "worker/speech/decoding/logit_filter.h"

#include <algorithm>
#include <limits>

#include "worker/speech/decoding/softmax.h"

namespace berth::speech {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Ids from `begin` to below `end`.
void Forbid(std::span<float> logits, std::int64_t begin, std::int64_t end) {
  const auto size = static_cast<std::int64_t>(logits.size());
  begin = std::clamp<std::int64_t>(begin, 0, size);
  end = std::clamp(end, begin, size);
  std::fill(logits.begin() + begin, logits.begin() + end, kNever);
}

void Forbid(std::span<float> logits, std::span<const Token> ids) {
  for (const Token id : ids) {
    if (static_cast<std::size_t>(id) < logits.size()) logits[static_cast<std::size_t>(id)] = kNever;
  }
}

// In pairs, and never back.
void PairTimestamps(const SpeechTokens& tokens, std::span<const Token> sampled, std::span<float> logits) {
  const std::size_t count = sampled.size();
  const bool last = count >= 1 && tokens.IsTimestamp(sampled[count - 1]);
  const bool before = count < 2 || tokens.IsTimestamp(sampled[count - 2]);
  if (last && before) Forbid(logits, tokens.first_timestamp, tokens.last_timestamp + 1);
  if (last && !before) Forbid(logits, 0, tokens.end);
  for (std::size_t i = count; i > 0; --i) {
    if (!tokens.IsTimestamp(sampled[i - 1])) continue;
    // The second of a pair may be the first one again; a segment that ends must be longer than nothing.
    Forbid(logits, tokens.first_timestamp, sampled[i - 1] + (last && !before ? 0 : 1));
    break;
  }
}

void PreferTimestamps(const SpeechTokens& tokens, std::span<float> logits) {
  const auto first = static_cast<std::size_t>(tokens.first_timestamp);
  const double timestamps = LogSumExp(logits.subspan(first));
  const float text = *std::ranges::max_element(logits.first(first));
  if (timestamps > text) Forbid(logits, 0, tokens.first_timestamp);
}

}  // namespace

void FilterLogits(const FilterRules& rules, std::span<const Token> sampled, std::span<float> logits) {
  const SpeechTokens& tokens = *rules.tokens;
  if (sampled.empty()) Forbid(logits, tokens.begin_suppress);
  Forbid(logits, tokens.suppress);
  if (!rules.timestamps) return Forbid(logits, tokens.first_timestamp, static_cast<std::int64_t>(logits.size()));
  Forbid(logits, tokens.no_timestamps, tokens.no_timestamps + 1);
  Forbid(logits, tokens.last_timestamp + 1, static_cast<std::int64_t>(logits.size()));
  PairTimestamps(tokens, sampled, logits);
  if (sampled.empty()) {
    Forbid(logits, 0, tokens.first_timestamp);
    Forbid(logits, tokens.first_timestamp + rules.max_initial_timestamp + 1, static_cast<std::int64_t>(logits.size()));
  }
  PreferTimestamps(tokens, logits);
}

}  // namespace berth::speech
