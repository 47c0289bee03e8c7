// What a model's replicas add up to: the state that is shown for the model, and what the proxy tells clients
// when no replica is ready. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "supervisor/launch/endpoint.h"
#include "supervisor/launch/state.h"

namespace berth::launch {

struct ReplicaSummary {
  State state = State::kStopped;
  std::string reason;
  bool hopeless = false;  // waits for something that is not coming by itself
  std::chrono::seconds retry_after{1};
  bool wanted = false;    // starts again when what ends now has ended
};

// The replica nearest to taking requests speaks for the model.
const ReplicaSummary& Best(const std::vector<ReplicaSummary>& replicas);

// `ending`: an operator stops the model, or the daemon drains. `on_demand`: requests start it.
ModelCondition ConditionOf(const std::string& model, const std::vector<ReplicaSummary>& replicas, bool ending,
                           bool on_demand = false);

}  // namespace berth::launch
