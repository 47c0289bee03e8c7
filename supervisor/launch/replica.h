// One replica: the slot in the plan that a process fills, again and again. A coroutine, the only writer of the
// replica's state, takes events from its mailbox (operators, its turn, the worker's messages, passed
// deadlines), asks Step() what to do, and does it. Everything is on the control thread; the others only post.
// Owned by the fleet, which joins Run() before it destroys the replica.
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
#include <variant>

#include "config/plan.h"
#include "supervisor/launch/endpoint.h"
#include "supervisor/launch/fleet.h"
#include "supervisor/launch/load_slots.h"
#include "supervisor/launch/logs.h"
#include "supervisor/launch/replica_metrics.h"
#include "supervisor/launch/restart_policy.h"
#include "supervisor/launch/spawner.h"
#include "supervisor/launch/step.h"
#include "supervisor/launch/turn.h"
#include "supervisor/launch/vitals.h"
#include "supervisor/launch/worker_process.h"
#include "supervisor/observe/events.h"
#include "supervisor/placement/ledger.h"
#include "supervisor/placement/placement.h"

namespace berth::launch {

class Replica;

// What the replicas of a fleet share. Everything referenced outlives them.
struct Yard {
  boost::asio::any_io_executor executor;
  const FleetOptions& options;
  const std::vector<std::string>& own_environment;
  const std::string& cpu_flags;
  std::uint64_t max_body_bytes;
  Spawner& spawner;
  placement::Ledger& ledger;
  LoadSlots& slots;
  Logs& logs;
  EndpointSink& sink;
  observe::Events& events;
  observe::Metrics& metrics;
  std::uint64_t& processes_started;                       // names the sockets
  std::function<Turn(const Replica&)> turn;
  std::function<void(const std::string& model)> changed;  // a state, its reason or its prospects changed
  std::function<void()> process_gone;
};

class Replica {
 public:
  Replica(Yard& yard, const config::Model& model, placement::Assignment assignment, std::uint64_t seed);
  ~Replica();

  boost::asio::awaitable<void> Run();  // until Quit()

  // Intents and nudges; carried out by Run() afterwards.
  void Start(bool at_boot);
  void Stop();
  void Restart();
  void Poke();                       // something it may wait for has changed
  void Hurry(TimePoint latest);      // while it ends: kill it by then
  void Quit();                       // Run() ends once there is no process; to be called after Stop()

  const placement::Assignment& assignment() const { return assignment_; }
  State state() const { return state_; }
  bool on_its_way() const;           // it will reach another state without anybody's doing
  bool wanted() const { return wanted_; }  // starts again when a process that ends now has ended
  bool has_run() const { return run_.has_value(); }  // a process that may exist
  TurnView turn_view() const;
  const std::string& reason() const { return reason_; }
  std::optional<protocol::Capabilities> capabilities() const { return capabilities_; }
  std::chrono::seconds retry_after(TimePoint now) const;
  ReplicaStatus Describe(TimePoint now) const;

 private:
  using Post = std::variant<Event, Notice>;

  // What belongs to one process, from the decision to start it until it is proven gone.
  struct Incarnation {
    Incarnation(Vitals::Limits limits, TimePoint now) : vitals(limits, now), stage_since(now) {}
    std::unique_ptr<WorkerProcess> process;
    std::shared_ptr<Endpoint> endpoint;    // from ready on
    Vitals vitals;
    protocol::ReadyMessage ready;
    protocol::MemoryReport memory;
    std::uint64_t data_limit = 0;          // RLIMIT_DATA; 0: none
    std::uint64_t oom_kills_before = 0;    // the kernel's count, about a second ago
    std::uint64_t oom_kills_now = 0;
    TimePoint next_sample{};
    TimePoint stage_since;
    std::optional<TimePoint> ready_since;
    bool closed = false;                   // the sink was told; once
    bool asked_to_end = false;
    std::optional<TimePoint> kill_at;      // not ended by then: kill
    std::optional<TimePoint> killed_at;
    std::optional<Killed> killed;          // why
    std::optional<protocol::FailedMessage> last_word;
  };

  void Add(Post post);
  boost::asio::awaitable<void> Handle(Post post);
  TimePoint NextLook() const;
  bool Look(TimePoint now);          // at deadlines, progress, its turn; true: something came of it
  bool LookAtTurn();
  bool LookAtProcess(TimePoint now);
  std::optional<Trouble> FindTrouble(TimePoint now);
  void Sample(TimePoint now);        // what the kernel says about the process and the host

  bool Apply(const Event& event);
  void Act(unsigned actions);
  void SetReason(std::string reason);

  void Spawn();
  void Open();
  void Close();
  void AskToEnd();
  void KillProcess();
  void Release();

  void On(const protocol::FromWorker& message);
  void OnHello(const protocol::HelloMessage& hello);
  void OnLoading(const protocol::LoadingMessage& loading);
  void OnReady(const protocol::ReadyMessage& ready);
  void OnBeat(const protocol::BeatMessage& beat);
  void OnEnd(WaitStatus status);

  void Misbehaved(ExitCause cause, std::string reason);
  EndFacts Facts(WaitStatus status) const;
  Event Conclude(const Verdict& verdict, Duration good_run);
  void EndStage(const std::string& stage, TimePoint now);
  WorkerSettings Settings();
  void KillBy(TimePoint latest);

  Yard& yard_;
  const config::Model& model_;
  const placement::Assignment assignment_;
  const std::string who_;            // "bge/0"
  RestartPolicy policy_;
  ReplicaMetrics metrics_;

  State state_ = State::kStopped;
  bool wanted_ = false;
  std::string reason_;
  std::string since_;
  TimePoint entered_;
  bool boot_turn_ = false;           // started at boot, and neither ready nor failed since
  bool hopeless_ = false;            // waits for something that is not coming

  std::deque<Post> posts_;
  boost::asio::steady_timer wake_;
  bool quit_ = false;

  std::uint64_t incarnation_ = 0;
  std::optional<Incarnation> run_;
  std::optional<TimePoint> hurry_;   // the end of the grace of a shutdown
  std::optional<TimePoint> start_again_at_;
  std::optional<protocol::Capabilities> capabilities_;  // of the last run that was ready
  std::optional<ExitStatus> last_exit_;
  bool last_run_failed_ = false;
};

}  // namespace berth::launch
