#include "supervisor/launch/fleet_metrics.h"

#include <algorithm>
#include <array>

namespace berth::launch {
namespace {

constexpr std::array kStates = {State::kStopped,  State::kWaiting,  State::kStarting, State::kLoading,
                                State::kReady,    State::kDraining, State::kStopping, State::kStuck,
                                State::kFailed,   State::kBackoff,  State::kQuarantined};

double CountIn(const std::vector<ReplicaSummary>& replicas, State state) {
  return static_cast<double>(
      std::ranges::count(replicas, state, [](const ReplicaSummary& replica) { return replica.state; }));
}

}  // namespace

void ReportModel(observe::Metrics& metrics, const std::string& model, const std::vector<ReplicaSummary>& replicas) {
  const State best = Best(replicas).state;
  for (const State state : kStates) {
    metrics.Gauge("model_state", {{"model", model}, {"state", std::string(Name(state))}}).Set(state == best ? 1 : 0);
  }
  metrics.Gauge("model_ready", {{"model", model}}).Set(CountIn(replicas, State::kReady));
  metrics.Gauge("replica_quarantined", {{"model", model}}).Set(CountIn(replicas, State::kQuarantined));
}

void ReportLedger(observe::Metrics& metrics, const config::Plan& plan, const placement::Ledger& ledger) {
  for (const config::Device& device : plan.devices) {
    const auto capacity = static_cast<double>(ledger.Capacity(device.name).count);
    const auto reserved = static_cast<double>(ledger.Reserved(device.name).count);
    metrics.Gauge("device_memory_total_bytes", {{"device", device.name}}).Set(capacity);
    metrics.Gauge("device_memory_headroom_bytes", {{"device", device.name}}).Set(capacity - reserved);
  }
  const std::vector<placement::SharedWeights> shared = ledger.shared();
  for (const config::Model& model : plan.models) {
    for (const std::string& device : model.devices) {
      double sum = 0;
      for (const placement::SharedWeights& weights : shared) {
        if (weights.device == device && weights.models.front() == model.name) sum += static_cast<double>(weights.bytes.count);
      }
      double estimated = 0;
      for (const auto& held : ledger.reservations()) {
        if (held.device != device || held.model != model.name) continue;
        sum += static_cast<double>(held.bytes.count);
        estimated += static_cast<double>(model.estimate.count);
      }
      const observe::Labels labels{{"device", device}, {"model", model.name}};
      metrics.Gauge("device_memory_reserved_bytes", labels).Set(sum);
      metrics.Gauge("device_memory_estimated_bytes", labels).Set(estimated);
    }
  }
}

}  // namespace berth::launch
