// One replica with real processes: carries out what its Life (life.h) decides, and tells it what happens. A
// coroutine takes what the process and its socket say from a mailbox, and looks at deadlines; operators' verbs
// reach the life directly, through the schedule. Everything is on the control thread. Owned by the fleet, which
// joins Run() before it destroys the replica.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "supervisor/launch/cgroup.h"
#include "supervisor/launch/endpoint.h"
#include "supervisor/launch/fleet.h"
#include "supervisor/launch/logs.h"
#include "supervisor/launch/replica_metrics.h"
#include "supervisor/launch/schedule.h"
#include "supervisor/launch/spawner.h"
#include "supervisor/launch/worker_process.h"
#include "supervisor/observe/events.h"

namespace berth::launch {

// What the replicas of a fleet share. Everything referenced outlives them.
struct Yard {
  boost::asio::any_io_executor executor;
  const FleetOptions& options;
  const std::vector<std::string>& own_environment;
  const std::string& cpu_flags;
  std::uint64_t max_body_bytes;
  std::uint64_t max_upload_bytes;
  Spawner& spawner;
  Schedule& schedule;
  Gpus& gpus;
  Logs& logs;
  EndpointSink& sink;
  observe::Events& events;
  observe::Metrics& metrics;
  std::uint64_t& processes_started;                       // names the sockets
  std::function<void(const std::string& model)> changed;  // a state, its reason or its prospects
  std::function<void()> process_gone;
};

class Replica : private Hands {
 public:
  Replica(Yard& yard, const placement::Assignment& assignment, std::uint64_t seed);
  ~Replica() override;

  boost::asio::awaitable<void> Run();  // until Quit()
  void Poke();                         // something it may wait for has changed
  void Quit();                         // Run() ends once there is no process, or it is stuck

  Life& life() { return life_; }
  std::optional<protocol::Capabilities> capabilities() const { return capabilities_; }
  ReplicaStatus Describe(TimePoint now) const;

 private:
  // What belongs to one process besides its life's own facts, until it is reaped.
  struct Incarnation {
    explicit Incarnation(std::unique_ptr<WorkerProcess> started) : process(std::move(started)) {}
    std::unique_ptr<Cgroup> group;  // none: off, or refused; outlives the process
    std::unique_ptr<WorkerProcess> process;
    std::shared_ptr<Endpoint> endpoint;  // from ready on
    std::uint64_t oom_kills_before = 0;  // the kernel's count, about a second ago
    std::uint64_t oom_kills_now = 0;
    TimePoint next_sample{};
  };

  // Hands
  Status Spawn() override;
  void Open(const protocol::ReadyMessage& ready) override;
  bool BudgetIsHostMemory() override { return !place_.on_gpu(); }
  std::uint64_t Fence(const protocol::MemoryReport& after_warm_up) override;
  void Close() override;
  bool AskToEnd(Duration within) override;
  void Kill() override;
  void Reaped() override;
  bool Gone() override { return place_.Gone(); }
  int InFlight() override { return run_ && run_->endpoint ? run_->endpoint->in_flight.load() : 0; }
  Turn Objection(bool alone) override { return place_.Objection(Clock::now(), alone); }
  bool HasWork() override;
  void Entered() override;
  void Evicted(std::string_view reason) override { metrics_.Evicted(reason); }
  void HeldBack() override;
  void Changed() override;
  void StageEnded(const std::string& stage, Duration took) override { metrics_.LoadStage(stage, took); }
  void LoadEnded(bool ready) override { metrics_.LoadEnded(ready); }
  void Exited(const Verdict& verdict) override;
  void BacksOff(Duration delay) override { metrics_.Backoff(delay); }

  void Add(Notice notice);
  boost::asio::awaitable<void> Handle(Notice notice);
  void On(const protocol::FromWorker& message);
  TimePoint NextLook() const;
  void Sample(TimePoint now);  // what the kernel says about the process and the host
  std::optional<protocol::LlmSettings> LlmSettings() const;
  WorkerSettings Settings();
  std::unique_ptr<Cgroup> MakeGroup();

  Yard& yard_;
  const placement::Assignment assignment_;
  GpuPlace place_;
  ReplicaMetrics metrics_;
  Life& life_;
  std::string since_;  // of the state, RFC 3339

  std::deque<Notice> notices_;
  boost::asio::steady_timer wake_;
  bool looked_ = false;  // since the last change
  bool quit_ = false;

  std::uint64_t incarnation_ = 0;
  std::optional<Incarnation> run_;
  std::optional<protocol::Capabilities> capabilities_;  // of the last run that was ready
  std::optional<ExitStatus> last_exit_;
  bool last_run_failed_ = false;
};

}  // namespace berth::launch
