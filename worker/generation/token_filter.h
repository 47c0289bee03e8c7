// Which tokens may be drawn, and with which weight: the filters of sampling over one row of logits, each a step from
// one set of candidates to a smaller one. Sets are found by partial selection, since a vocabulary has 150,000 tokens
// and a filter mostly keeps some dozens. Deterministic: equal weights are ordered by id. Pure; used by sampler.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace berth::engine {

// The indices of the `count` largest values (of all, where there are no more), the largest first, the lower index first
// among equals.
std::vector<std::size_t> Largest(std::span<const float> values, std::size_t count);

struct Candidate {
  std::int32_t id = 0;
  double weight = 0;  // in proportion to the probability; above 0
};

using Candidates = std::vector<Candidate>;

// exp((l − max) / temperature) of the `top_k` largest logits (0: of all) where that is not 0; by ascending id.
Candidates Weigh(std::span<const float> logits, double temperature, int top_k);

// Each keeps at least one; the order afterwards is unspecified but for SortById.
// Those whose information −log p is closest to the entropy, until they hold `mass` of the probability.
void KeepTypical(Candidates& candidates, double mass);
// The most probable, until they hold `mass`.
void KeepTopP(Candidates& candidates, double mass);
// Those with at least `share` of the best one's probability.
void KeepMinP(Candidates& candidates, double share);
void SortById(Candidates& candidates);

// The first at which the sum of weights exceeds `uniform` of all weights. Not empty.
std::int32_t Pick(const Candidates& candidates, double uniform);

}  // namespace berth::engine
