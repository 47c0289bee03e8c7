// The time series of one replica. Looks a series up at each use, about once a second, because the gauges of a
// process are removed when it ends. Owned by the replica, control thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/duration.h"
#include "supervisor/launch/state.h"
#include "supervisor/launch/vitals.h"
#include "supervisor/launch/worker_stats.h"
#include "supervisor/observe/metric_table.h"
#include "supervisor/observe/metrics.h"
#include "worker/protocol/control.h"

namespace berth::launch {

class ReplicaMetrics {
 public:
  ReplicaMetrics(observe::Metrics& metrics, std::string model, int replica, const std::vector<std::string>& devices);

  void Started();
  void Hello(pid_t pid, const std::string& build);
  void LoadStage(const std::string& stage, Duration took);
  void LoadEnded(bool ready);
  void Up(bool up);
  // Adds what the worker counted since its last beat; names and shapes that are not its own are dropped.
  void Beat(const protocol::BeatMessage& beat);
  void Look(const Vitals& vitals, TimePoint now, const WorkerStats& stats);
  void Exited(ExitCause cause);
  void Evicted(std::string_view reason);
  void Backoff(Duration delay);

 private:
  observe::Labels LabelsOf(const observe::WorkerSeries& series) const;
  observe::Labels Own() const { return {{"model", model_}, {"replica", replica_}}; }

  observe::Metrics& metrics_;
  const std::string model_;
  const std::string replica_;
  const std::string device_;     // empty: several, of which a worker tells no shares
  std::uint64_t steps_ = 0;      // of the present process, as far as counted
  double cpu_seconds_ = 0;
};

}  // namespace berth::launch
