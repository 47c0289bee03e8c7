#include "worker/generation/sampler.h"

#include <algorithm>
#include <limits>

#include "worker/generation/philox.h"
#include "worker/generation/token_filter.h"

namespace berth::engine {
namespace {

std::int32_t Best(std::span<const float> logits) {
  return static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());  // the first among equals
}

// nullptr: ids that are not drawn, whatever a request says of them.
float* LogitOf(std::span<float> logits, std::int32_t id) {
  const bool known = id >= 0 && static_cast<std::size_t>(id) < logits.size();
  return known ? &logits[static_cast<std::size_t>(id)] : nullptr;
}

}  // namespace

std::vector<std::int32_t> DistinctIds(const Sampling& sampling, std::span<const std::int32_t> prompt) {
  if (sampling.repetition_penalty == 1) return {};
  std::vector<std::int32_t> ids(prompt.begin(), prompt.end());
  std::ranges::sort(ids);
  const auto repeated = std::ranges::unique(ids);
  ids.erase(repeated.begin(), repeated.end());
  return ids;
}

Sampler::Sampler(const Sampling& sampling, const Place& place, int sampled_vocab)
    : sampling_(sampling), place_(place), sampled_vocab_(sampled_vocab) {}

void Sampler::SeeOutput(std::int32_t id) {
  const bool penalizes = sampling_.repetition_penalty != 1 || sampling_.presence_penalty != 0 ||
                         sampling_.frequency_penalty != 0;
  if (penalizes) ++outputs_[id];
}

std::int32_t Sampler::Draw(std::span<const float> logits, std::int64_t position,
                           std::span<const std::int32_t> masked) const {
  logits = logits.first(std::min(logits.size(), static_cast<std::size_t>(sampled_vocab_)));
  std::vector<float> adjusted;
  if (!place_.prompt.empty() || !outputs_.empty() || !sampling_.logit_bias.empty() || !masked.empty()) {
    adjusted.assign(logits.begin(), logits.end());
    Adjust(adjusted, masked);
    if (*std::ranges::max_element(adjusted) > -std::numeric_limits<float>::infinity()) logits = adjusted;
  }
  if (sampling_.temperature == 0) return Best(logits);
  Candidates candidates = Weigh(logits, sampling_.temperature, sampling_.top_k);
  if (sampling_.typical_p < 1) KeepTypical(candidates, sampling_.typical_p);
  if (sampling_.top_p < 1) KeepTopP(candidates, sampling_.top_p);
  if (sampling_.min_p > 0) KeepMinP(candidates, sampling_.min_p);
  SortById(candidates);
  return Pick(candidates, Uniform(place_.seed, static_cast<std::uint32_t>(place_.choice),
                                  static_cast<std::uint64_t>(position)));
}

void Sampler::Adjust(std::span<float> logits, std::span<const std::int32_t> masked) const {
  Penalize(logits);
  for (const auto& [id, bias] : sampling_.logit_bias) {
    if (float* logit = LogitOf(logits, id)) *logit += bias;
  }
  for (const std::int32_t id : masked) {
    if (float* logit = LogitOf(logits, id)) *logit = -std::numeric_limits<float>::infinity();
  }
}

void Sampler::Penalize(std::span<float> logits) const {
  const auto repetition = static_cast<float>(sampling_.repetition_penalty);
  const auto repeat = [repetition](float& logit) { logit = logit > 0 ? logit / repetition : logit * repetition; };
  for (const std::int32_t id : place_.prompt) {
    if (float* logit = LogitOf(logits, id)) repeat(*logit);
  }
  for (const auto& [id, count] : outputs_) {
    float* logit = LogitOf(logits, id);
    if (logit == nullptr) continue;
    if (!std::ranges::binary_search(place_.prompt, id)) repeat(*logit);
    *logit -= static_cast<float>(sampling_.frequency_penalty * count + sampling_.presence_penalty);
  }
}

}  // namespace berth::engine
