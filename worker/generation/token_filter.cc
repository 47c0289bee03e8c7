#include "worker/generation/token_filter.h"

#include <algorithm>
#include <cmath>

namespace berth::engine {
namespace {

constexpr std::size_t kFirstSelection = 64;  // mostly enough; else eight times as many are looked at
constexpr std::size_t kSelectionGrowth = 8;

bool MoreProbable(const Candidate& a, const Candidate& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
}

double Sum(const Candidates& candidates) {
  double sum = 0;
  for (const Candidate& each : candidates) sum += each.weight;
  return sum;
}

// Keeps the first in the order `before`, until they hold `mass` of all weights. Sorts no more of them than that.
template <class Element, class Before, class WeightOf>
void KeepMass(std::vector<Element>& elements, double mass, Before before, WeightOf weight_of) {
  double total = 0;
  for (const Element& element : elements) total += weight_of(element);
  double sum = 0;
  std::size_t sorted = 0;
  for (std::size_t count = kFirstSelection; sorted < elements.size(); count *= kSelectionGrowth) {
    const std::size_t end = std::min(count, elements.size());
    const auto from = elements.begin() + static_cast<std::ptrdiff_t>(sorted);
    std::partial_sort(from, elements.begin() + static_cast<std::ptrdiff_t>(end), elements.end(), before);
    for (; sorted < end; ++sorted) {
      sum += weight_of(elements[sorted]);
      if (sum >= mass * total) return elements.resize(sorted + 1);
    }
  }
}

}  // namespace

std::vector<std::size_t> Largest(std::span<const float> values, std::size_t count) {
  const auto larger = [values](std::size_t a, std::size_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  };
  std::vector<std::size_t> heap;  // the smallest of the kept on top
  heap.reserve(count + 1);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (heap.size() == count && (count == 0 || !larger(i, heap.front()))) continue;
    heap.push_back(i);
    std::ranges::push_heap(heap, larger);
    if (heap.size() <= count) continue;
    std::ranges::pop_heap(heap, larger);
    heap.pop_back();
  }
  std::ranges::sort_heap(heap, larger);
  return heap;
}

Candidates Weigh(std::span<const float> logits, double temperature, int top_k) {
  const double best = *std::ranges::max_element(logits);
  const auto weight_of = [&](std::size_t id) { return std::exp((logits[id] - best) / temperature); };
  Candidates candidates;
  const auto add = [&](std::size_t id) {
    if (const double weight = weight_of(id); weight > 0) candidates.push_back({static_cast<std::int32_t>(id), weight});
  };
  if (top_k > 0 && static_cast<std::size_t>(top_k) < logits.size()) {
    for (const std::size_t id : Largest(logits, static_cast<std::size_t>(top_k))) add(id);
    SortById(candidates);
    return candidates;
  }
  candidates.reserve(logits.size());
  for (std::size_t id = 0; id < logits.size(); ++id) add(id);
  return candidates;
}

void KeepTypical(Candidates& candidates, double mass) {
  struct Surprise {
    Candidate candidate;
    double distance;  // from the entropy, of −log p
  };
  const double total = Sum(candidates);
  double entropy = 0;
  for (const Candidate& each : candidates) entropy -= each.weight / total * std::log(each.weight / total);
  std::vector<Surprise> surprises;
  surprises.reserve(candidates.size());
  for (const Candidate& each : candidates) {
    surprises.push_back({each, std::abs(-std::log(each.weight / total) - entropy)});
  }
  const auto closer = [](const Surprise& a, const Surprise& b) {
    return a.distance != b.distance ? a.distance < b.distance : a.candidate.id < b.candidate.id;
  };
  KeepMass(surprises, mass, closer, [](const Surprise& each) { return each.candidate.weight; });
  candidates.clear();
  for (const Surprise& each : surprises) candidates.push_back(each.candidate);
}

void KeepTopP(Candidates& candidates, double mass) {
  KeepMass(candidates, mass, MoreProbable, [](const Candidate& each) { return each.weight; });
}

void KeepMinP(Candidates& candidates, double share) {
  const double least = share * std::ranges::max_element(candidates, {}, &Candidate::weight)->weight;
  std::erase_if(candidates, [least](const Candidate& each) { return each.weight < least; });
}

void SortById(Candidates& candidates) { std::ranges::sort(candidates, {}, &Candidate::id); }

std::int32_t Pick(const Candidates& candidates, double uniform) {
  const double wanted = uniform * Sum(candidates);
  double sum = 0;
  for (const Candidate& each : candidates) {
    sum += each.weight;
    if (sum > wanted) return each.id;
  }
  return candidates.back().id;  // sums that were rounded differently
}

}  // namespace berth::engine
