// All replicas of the plan: starts them in waves, one load at a time per device, restarts what dies, stops
// what an operator or a signal says. One coroutine per replica carries out what the pure Step() (step.h)
// decides. Lives on the control thread and is used there only; the control thread alone spawns processes,
// because a worker dies with the thread that forked it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/plan.h"
#include "supervisor/base/result.h"
#include "supervisor/launch/cgroup.h"
#include "supervisor/launch/endpoint.h"
#include "supervisor/launch/exit_status.h"
#include "supervisor/launch/gpu_place.h"
#include "supervisor/launch/life.h"
#include "supervisor/launch/logs.h"
#include "supervisor/launch/spawner.h"
#include "supervisor/launch/state.h"
#include "supervisor/observe/events.h"
#include "supervisor/observe/metrics.h"
#include "supervisor/placement/ledger.h"
#include "supervisor/placement/placement.h"

namespace berth::launch {

struct FleetOptions {
  std::filesystem::path worker;       // the worker program
  std::filesystem::path runtime_dir;  // mode 0700, exists, locked by this daemon
  std::filesystem::path log_dir;      // exists
  std::uint64_t seed = 0;             // jitter of back-off
  Spawner* spawner = nullptr;         // outlives the fleet; null: one of its own, for real processes
  Duration gone_limit = Life::kGoneLimit;  // after which a killed process that is not proven gone is stuck
  Cgroups* cgroups = nullptr;         // outlives the fleet; null: none
  GpuSource gpus = {};
};

struct ReplicaStatus {
  int replica = 0;
  State state = State::kStopped;
  std::string reason;
  std::string since;           // RFC 3339
  double seconds_in_state = 0;
  int pid = 0;                 // 0: no process
  std::uint64_t incarnation = 0;
  std::vector<std::string> devices;
  Bytes memory;                // reserved on each of them; 0: nothing is
  Bytes estimate;              // of its private bytes, before it started; 0: none
  Bytes measured;              // private bytes it last reported; 0: nothing reported
  Bytes measured_peak;         // the most of them so far
  Bytes counted_peak;          // the most that the worker itself counted: tensors and requests' buffers
  Bytes weights;               // of them, weights
  Bytes weights_mapped;        // weights in files, shared with others
  std::string stage;           // while loading
  double fraction = 0;
  int in_flight = 0;
  int window = 0;
  std::uint64_t steps = 0;
  double beat_age_seconds = -1;  // -1: no beat yet
  int failures_in_window = 0;
  std::optional<ExitStatus> last_exit;
  std::vector<std::string> last_lines;  // of the log of the run before this one, when it ended unexpectedly
};

struct ModelStatus {
  std::string name;
  config::Kind kind = config::Kind::kEmbedding;
  std::vector<std::string> aliases;
  bool required = false;
  int wave = 0;
  State state = State::kStopped;  // the best of its replicas'
  std::string reason;
  std::optional<protocol::Capabilities> capabilities;  // once a replica was ready
  std::vector<ReplicaStatus> replicas;
};

class Fleet {
 public:
  // Everything referenced outlives the fleet.
  Fleet(boost::asio::any_io_executor executor, const config::Plan& plan, const placement::Placement& placement,
        FleetOptions options, EndpointSink& sink, observe::Events& events, observe::Metrics& metrics);
  ~Fleet();

  // Starts every model with start: boot, in order; returns at once.
  void Boot();

  // Operators' verbs; idempotent. They return at once with the new intent; Settled() waits for its outcome.
  Status Start(const std::string& model);    // also ends a quarantine and forgets failures
  Status Stop(const std::string& model);
  Status Restart(const std::string& model);
  // A request waits for a model that comes on demand.
  void Demand(const std::string& model);

  // Waits until no replica of `model` ("" = of any) is on its way (waiting, starting, loading, draining,
  // stopping, backoff), or until the deadline: false.
  boost::asio::awaitable<bool> Settled(std::string model, TimePoint deadline);

  // Stops all in reverse order; every replica gets its grace, at most `limit`. Ends when all are reaped, or stuck.
  // A second call with a shorter limit shortens the first.
  boost::asio::awaitable<void> Shutdown(Duration limit);

  std::vector<ModelStatus> Describe() const;
  std::optional<ModelStatus> Describe(const std::string& model) const;
  const placement::Ledger& ledger() const;
  Logs& logs();
  // True when every required model has a ready replica; else `reasons` gets a sentence for each that has not.
  bool Ready(std::vector<std::string>* reasons) const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace berth::launch
