#include "worker/speech/decoding/search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "worker/generation/philox.h"
#include "worker/generation/token_filter.h"
#include "worker/speech/decoding/softmax.h"

namespace berth::speech {
namespace {

// A hypothesis that could be live after this step.
struct Candidate {
  std::size_t source;
  Token token;
  double sum_logprob;
};

Hypothesis Extended(const Hypothesis& from, Token token, double sum_logprob) {
  Hypothesis hypothesis{from.tokens, sum_logprob};
  hypothesis.tokens.push_back(token);
  return hypothesis;
}

}  // namespace

Search::Search(const FilterRules& rules, const SearchOptions& options)
    : rules_(rules),
      options_(options),
      wanted_(static_cast<std::size_t>(options.temperature > 0
                                           ? std::max(1, options.best_of)
                                           : std::max(1.0, std::round(options.beam * options.patience)))) {}

std::vector<std::size_t> Search::Take(std::span<const std::span<float>> rows) {
  for (std::size_t i = 0; i < live_.size(); ++i) FilterLogits(rules_, live_[i].tokens, rows[i]);
  const auto sources = options_.temperature > 0 ? TakeSamples(rows) : TakeBeam(rows);
  ++steps_;
  if (done_.size() >= wanted_ || live_.empty() || steps_ >= options_.max_tokens) Finish();
  return sources;
}

std::vector<std::size_t> Search::TakeBeam(std::span<const std::span<float>> rows) {
  const auto beam = static_cast<std::size_t>(std::max(1, options_.beam));
  std::vector<Candidate> candidates;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    const double all = LogSumExp(rows[i]);
    for (const std::size_t id : engine::Largest(rows[i], beam + 1)) {
      candidates.push_back({i, static_cast<Token>(id), live_[i].sum_logprob + rows[i][id] - all});
    }
  }
  std::ranges::stable_sort(candidates, std::ranges::greater(), &Candidate::sum_logprob);
  std::vector<Hypothesis> next;
  std::vector<std::size_t> sources;
  for (const Candidate& each : candidates) {
    if (next.size() == beam) break;
    if (std::isinf(each.sum_logprob)) continue;  // forbidden
    if (each.token == rules_.tokens->end) {
      if (done_.size() < wanted_) done_.push_back({live_[each.source].tokens, each.sum_logprob});
      continue;
    }
    next.push_back(Extended(live_[each.source], each.token, each.sum_logprob));
    sources.push_back(each.source);
  }
  live_ = std::move(next);
  return sources;
}

std::vector<std::size_t> Search::TakeSamples(std::span<const std::span<float>> rows) {
  std::vector<std::size_t> from(live_.size());
  std::iota(from.begin(), from.end(), std::size_t{0});
  if (steps_ == 0) {  // all begin with the same row
    from.assign(wanted_, 0);
    samples_.resize(wanted_);
    std::iota(samples_.begin(), samples_.end(), 0u);
  }
  std::vector<Hypothesis> next;
  std::vector<std::uint32_t> numbers;
  std::vector<std::size_t> sources;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::span<float> row = rows[from[i]];
    const double uniform = engine::Uniform(options_.seed, samples_[i], static_cast<std::uint64_t>(steps_));
    const Token token = Draw(row, options_.temperature, uniform);
    // The model's own probability, whatever the temperature.
    const double logprob = row[static_cast<std::size_t>(token)] - LogSumExp(row);
    const Hypothesis& before = live_[from[i]];
    if (token == rules_.tokens->end) {
      done_.push_back({before.tokens, before.sum_logprob + logprob});
      continue;
    }
    next.push_back(Extended(before, token, before.sum_logprob + logprob));
    numbers.push_back(samples_[i]);
    sources.push_back(from[i]);
  }
  live_ = std::move(next);
  samples_ = std::move(numbers);
  return sources;
}

// Of the beam's unfinished ones only as many count as are missing, the most probable first; of samples all.
void Search::Finish() {
  finished_ = true;
  const auto beam = static_cast<std::size_t>(options_.temperature > 0 ? std::max(1, options_.best_of) : std::max(1, options_.beam));
  for (const Hypothesis& each : live_) {
    if (done_.size() >= beam) break;
    done_.push_back(each);
  }
  live_.clear();
  if (done_.empty()) return;
  best_ = *std::ranges::max_element(done_, {}, &Hypothesis::score);
}

}  // namespace berth::speech
