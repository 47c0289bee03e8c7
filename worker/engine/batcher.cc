#include "worker/engine/batcher.h"

#include <algorithm>
#include <numeric>

namespace berth::engine {
namespace {

bool Fits(const Batch& batch, int tokens, const Limits& limits) {
  if (batch.sequences == 0) return true;
  return batch.sequences < limits.max_sequences && batch.tokens + tokens <= limits.max_tokens;
}

// The oldest, then the others by what they have been served.
std::vector<std::size_t> OrderOfTurns(std::span<const Waiting> waiting) {
  std::vector<std::size_t> order(waiting.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto others = std::ranges::subrange(order.begin() + 1, order.end());
  std::ranges::stable_sort(others, {}, [&](std::size_t i) { return waiting[i].served; });
  return order;
}

// Gives every request one turn. False: nobody could use it.
bool TakeTurns(std::span<const Waiting> waiting, std::span<const std::size_t> order, const Limits& limits,
               Batch& batch) {
  bool took = false;
  for (const std::size_t i : order) {
    const auto next = static_cast<std::size_t>(batch.take[i]);
    if (next == waiting[i].lengths.size() || !Fits(batch, waiting[i].lengths[next], limits)) continue;
    ++batch.take[i];
    ++batch.sequences;
    batch.tokens += waiting[i].lengths[next];
    took = true;
  }
  return took;
}

bool TookAll(std::span<const Waiting> waiting, const Batch& batch) {
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (static_cast<std::size_t>(batch.take[i]) < waiting[i].lengths.size()) return false;
  }
  return true;
}

}  // namespace

Batch NextBatch(std::span<const Waiting> waiting, const Limits& limits, TimePoint now) {
  if (waiting.empty()) return {};
  Batch batch;
  batch.take.resize(waiting.size());
  const std::vector<std::size_t> order = OrderOfTurns(waiting);
  while (TakeTurns(waiting, order, limits, batch)) {
  }
  const TimePoint patience = waiting.front().since + limits.max_delay;
  const bool room = batch.tokens < limits.max_tokens && batch.sequences < limits.max_sequences;
  if (!room || !TookAll(waiting, batch) || now >= patience) return batch;
  Batch wait;
  wait.wait_until = patience;
  return wait;
}

}  // namespace berth::engine
