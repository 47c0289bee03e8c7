#include "supervisor/launch/model_summary.h"

#include <algorithm>

namespace berth::launch {
namespace {

// How near a state is to taking requests; the lower, the nearer.
int Distance(State state) {
  switch (state) {
    case State::kReady: return 0;
    case State::kLoading: return 1;
    case State::kStarting: return 2;
    case State::kWaiting: return 3;
    case State::kBackoff: return 4;
    case State::kDraining: return 5;
    case State::kStopping: return 6;
    case State::kStuck: return 7;
    case State::kQuarantined: return 8;
    case State::kFailed: return 9;
    case State::kStopped: return 10;
  }
  return 11;
}

bool IsComing(const ReplicaSummary& replica) {
  switch (replica.state) {
    case State::kStarting:
    case State::kLoading:
    case State::kBackoff: return true;
    case State::kWaiting: return !replica.hopeless;
    // Its endpoint closes a moment before its state changes: what asks in between waits for what comes next.
    case State::kReady:
    case State::kDraining:
    case State::kStopping: return replica.wanted;
    default: return false;
  }
}

// Stopped without having failed, or about to be: who has failed waits for an operator.
bool IsAtRest(const ReplicaSummary& replica) {
  const bool ends = replica.state == State::kDraining || replica.state == State::kStopping;
  return replica.state == State::kStopped || (ends && !replica.wanted);
}

}  // namespace

const ReplicaSummary& Best(const std::vector<ReplicaSummary>& replicas) {
  return *std::ranges::min_element(replicas, {}, [](const ReplicaSummary& r) { return Distance(r.state); });
}

ModelCondition ConditionOf(const std::string& model, const std::vector<ReplicaSummary>& replicas, bool ending,
                           bool on_demand) {
  const ReplicaSummary& best = Best(replicas);
  ModelCondition condition;
  condition.state = best.state;
  condition.ready = static_cast<int>(
      std::ranges::count(replicas, State::kReady, [](const ReplicaSummary& replica) { return replica.state; }));
  condition.coming = !ending && std::ranges::any_of(replicas, IsComing);
  condition.on_demand = on_demand && !ending && !condition.coming && std::ranges::any_of(replicas, IsAtRest);
  condition.draining = ending;
  condition.reason = model + ": " + best.reason;
  condition.retry_after = best.retry_after;
  for (const ReplicaSummary& replica : replicas) {
    if (IsComing(replica)) condition.retry_after = std::min(condition.retry_after, replica.retry_after);
  }
  return condition;
}

}  // namespace berth::launch
