#include "supervisor/launch/turn.h"

namespace berth::launch {
namespace {

bool IsComing(const TurnView& replica) {
  switch (replica.state) {
    case State::kWaiting: return !replica.hopeless;
    case State::kStarting:
    case State::kLoading:
    case State::kBackoff: return true;
    default: return false;
  }
}

// What stands between a model and its dependency, if anything.
Turn Dependency(const std::string& model, const std::vector<TurnView>& all) {
  const TurnView* seen = nullptr;
  bool coming = false;
  for (const TurnView& replica : all) {
    if (replica.model != model) continue;
    if (replica.state == State::kReady) return {};
    coming |= IsComing(replica);
    if (seen == nullptr || IsComing(replica)) seen = &replica;
  }
  const std::string state = seen == nullptr ? "not in the plan" : std::string(Name(seen->state));
  return {"waits for " + model + ", which is " + state, !coming};
}

}  // namespace

Turn TurnOf(const TurnView& candidate, const std::vector<std::string>& after, const std::vector<TurnView>& all,
            config::OnFailure on_failure) {
  for (const std::string& model : after) {
    if (Turn turn = Dependency(model, all); !turn.obstacle.empty()) return turn;
  }
  if (!candidate.boot_turn) return {};
  for (const TurnView& other : all) {
    if (other.wave < candidate.wave && other.boot_turn && !other.hopeless) {
      return {"waits for " + other.model + ", which loads before it", false};
    }
  }
  if (on_failure == config::OnFailure::kContinue) return {};
  for (const TurnView& other : all) {
    if (other.wave >= candidate.wave || !other.boot_due) continue;
    return {"waits for all replicas of " + other.model + ", which loads before it and of which one is " + std::string(Name(other.state)) +
                " (rules.on_failure: stop); `berth start " + other.model + "` tries again, `berth stop " + other.model + "` goes on without it",
            !IsComing(other)};
  }
  return {};
}

}  // namespace berth::launch
