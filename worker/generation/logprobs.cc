#include "worker/generation/logprobs.h"

#include <algorithm>
#include <cmath>

#include "worker/generation/token_filter.h"

namespace berth::engine {
namespace {

double LogSumExp(std::span<const float> logits) {
  const double best = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - best);
  return best + std::log(sum);
}

}  // namespace

// x · 0 is 0 for finite numbers and NaN for others: a loop without branches.
bool AllFinite(std::span<const float> logits) {
  bool all = true;
  for (const float x : logits) all &= x * 0.0F == 0.0F;
  return all;
}

TokenLogprobs LogprobsOf(std::span<const float> logits, std::int32_t id, int top, int sampled_vocab) {
  const double total = LogSumExp(logits);
  const auto logprob = [&](std::size_t of) { return static_cast<float>(logits[of] - total); };
  TokenLogprobs result{logprob(static_cast<std::size_t>(id)), {}};
  const auto named = logits.first(std::min(logits.size(), static_cast<std::size_t>(sampled_vocab)));
  for (const std::size_t each : Largest(named, static_cast<std::size_t>(std::max(top, 0)))) {
    result.top.push_back({static_cast<std::int32_t>(each), logprob(each)});
  }
  return result;
}

}  // namespace berth::engine
