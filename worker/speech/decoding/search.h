// One attempt at a window: the hypotheses that are alive, and what becomes of them with each step's logits. At temperature
// 0 a beam search (as openai/whisper's, with patience of Kasai et al. 2022), above it independent samples. A state machine
// over values: it computes no logits, and knows no cache; which hypothesis goes on from which is its answer.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "worker/speech/decoding/logit_filter.h"
#include "worker/speech/decoding/tokens.h"

namespace berth::speech {

struct SearchOptions {
  double temperature = 0;
  int beam = 5;          // hypotheses at temperature 0; 1 is greedy
  double patience = 1;   // round(beam · patience) finished ones end the search
  int best_of = 5;       // samples above temperature 0
  std::uint64_t seed = 0;  // of the samples; sample s draws its token p from (seed, s, p)
  std::int64_t max_tokens = 224;
};

struct Hypothesis {
  std::vector<Token> tokens;  // without the prompt and the end
  double sum_logprob = 0;     // with the end's

  // What candidates are ranked by.
  double score() const { return sum_logprob / static_cast<double>(tokens.empty() ? 1 : tokens.size()); }
  double avg_logprob() const { return sum_logprob / static_cast<double>(tokens.size() + 1); }
  bool operator==(const Hypothesis&) const = default;
};

class Search {
 public:
  // `rules` refers to tokens that outlive this.
  Search(const FilterRules& rules, const SearchOptions& options);

  // Those that want logits next: one before the first step, whatever the beam.
  const std::vector<Hypothesis>& live() const { return live_; }
  bool finished() const { return finished_; }

  // `rows`: for each live hypothesis its logits as the model gave them, float32 [vocab]; they are filtered in place.
  // Returns of each hypothesis that is live now which one it goes on from; its last token is the new one. Not after the end.
  std::vector<std::size_t> Take(std::span<const std::span<float>> rows);

  // The best of those that finished, and, where these are fewer than the beam, of those that did not; after the end.
  const Hypothesis& best() const { return best_; }

 private:
  std::vector<std::size_t> TakeBeam(std::span<const std::span<float>> rows);
  std::vector<std::size_t> TakeSamples(std::span<const std::span<float>> rows);
  void Finish();

  const FilterRules rules_;
  const SearchOptions options_;
  const std::size_t wanted_;        // finished hypotheses that end the search
  std::vector<Hypothesis> live_ = {Hypothesis{}};
  std::vector<std::uint32_t> samples_ = {};  // of each live one: its number
  std::vector<Hypothesis> done_;
  std::int64_t steps_ = 0;
  bool finished_ = false;
  Hypothesis best_;
};

}  // namespace berth::speech
