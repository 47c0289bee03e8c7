#include "worker/completions/generation_run.h"

#include <algorithm>
#include <utility>

namespace berth::completions {
namespace {

double MeanLogprob(const ChoiceNews& choice) {
  return choice.generated == 0 ? 0 : choice.logprob_sum / static_cast<double>(choice.generated);
}

}  // namespace

std::vector<ChoiceNews> BestOf(std::vector<ChoiceNews> choices, int best_of, int n) {
  if (best_of == n) return choices;
  std::vector<ChoiceNews> best;
  const auto group = static_cast<std::ptrdiff_t>(best_of);
  for (auto first = choices.begin(); choices.end() - first >= group; first += group) {
    std::stable_sort(first, first + group,
                     [](const auto& a, const auto& b) { return MeanLogprob(a) > MeanLogprob(b); });
    for (auto choice = first; choice < first + n; ++choice) {
      choice->index = best.size();
      best.push_back(std::move(*choice));
    }
  }
  return best;
}

}  // namespace berth::completions
