// One replica's life as decisions: takes what happened and what time it is, asks Step() (step.h), keeps state,
// reason and deadlines, and has done what follows through its Hands. Pure: no clock, no process, no file, so
// that the same code lives in the daemon (replica.h) and in the simulation (tests/sim). Nothing in it waits.
// Owned by its Schedule; one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/plan.h"
#include "supervisor/launch/give_way.h"
#include "supervisor/launch/exit_cause.h"
#include "supervisor/launch/restart_policy.h"
#include "supervisor/launch/step.h"
#include "supervisor/launch/turn.h"
#include "supervisor/launch/vitals.h"
#include "supervisor/placement/placement.h"
#include "worker/protocol/control.h"

namespace berth::launch {

class Schedule;

// What a life has done to the world, and what it says of itself. Calls come from inside the life's functions;
// what they cause is told to the life afterwards, never from within.
class Hands {
 public:
  virtual ~Hands() = default;

  // Starts a process. An error is a failed load.
  virtual Status Spawn() = 0;
  // Requests may come.
  virtual void Open(const protocol::ReadyMessage& ready) = 0;
  // Whether the budget is of the host's memory, as it is on the CPU.
  virtual bool BudgetIsHostMemory() = 0;
  // Caps what the process may still allocate; returns the limit of its VmData in bytes, 0 for none.
  virtual std::uint64_t Fence(const protocol::MemoryReport& after_warm_up) = 0;
  // No new requests; at most once after Open().
  virtual void Close() = 0;
  // False: the process does not hear.
  virtual bool AskToEnd(Duration within) = 0;
  virtual void Kill() = 0;
  // The process is reaped: what was outstanding there is lost.
  virtual void Reaped() = 0;
  // After Reaped(): nothing of the process is left on its device.
  virtual bool Gone() = 0;
  // Why no process may begin on its device now, though the ledger has room: somebody else's use of it, or a fault.
  // No obstacle: it may. `alone`: not even if no other replica were there.
  virtual Turn Objection([[maybe_unused]] bool alone) { return {}; }
  // Requests are begun there, or wait there to be begun.
  virtual bool HasWork() = 0;
  // Requests that have a place there, begun or not.
  virtual int InFlight() = 0;

  virtual void Entered() = 0;   // another state; what it entails is done next
  virtual void Evicted([[maybe_unused]] std::string_view reason) {}  // it stops: "pressure", "ttl"
  virtual void HeldBack() = 0;  // its start waits for what is not coming by itself: reason(); once in a wait
  virtual void Changed() = 0;  // state, reason, deadlines or prospects; all that it entails is done
  virtual void StageEnded(const std::string& stage, Duration took) = 0;
  virtual void LoadEnded(bool ready) = 0;
  virtual void Exited(const Verdict& verdict) = 0;  // before Reaped(), or after a failed Spawn()
  virtual void BacksOff(Duration delay) = 0;  // zero: no longer
};

class Life {
 public:
  // A process that is killed and not reaped by then, or reaped and still on its device, is stuck.
  static constexpr Duration kGoneLimit = std::chrono::seconds(10);

  // Everything referenced outlives the life.
  Life(Schedule& schedule, const config::Model& model, placement::Assignment assignment, std::uint64_t seed,
       Duration gone_limit, Hands& hands, TimePoint now);

  // What somebody wants.
  void Start(bool at_boot, TimePoint now);
  void Stop(TimePoint now);
  void Restart(TimePoint now);
  // Another one needs its place: it drains, and has none until it starts again.
  void GiveWay(const Life& other, TimePoint now);
  void Announce() { hands_.Changed(); }  // its model's prospects changed
  void Hurry(TimePoint latest);  // while it ends: kill it by then; Look() does

  // What its process says, and its end. Ignored while there is no process.
  void On(const protocol::FromWorker& message, TimePoint now);
  void OnBreach(std::string reason, TimePoint now);
  // What the kernel counts as its private memory; about once a second.
  void OnPrivateMemory(Bytes held, TimePoint now);
  void OnEnd(WaitStatus status, bool oom_killer_ran, TimePoint now);

  // Looks at its turn, at deadlines and at progress. True: something came of it, look again.
  bool Look(TimePoint now);
  // When to look at the latest, even if nothing happens until then.
  TimePoint NextLook(TimePoint now) const;

  const config::Model& model() const { return model_; }
  const placement::Assignment& assignment() const { return assignment_; }
  const std::string& who() const { return who_; }  // "bge/0"
  State state() const { return state_; }
  const std::string& reason() const { return reason_; }
  TimePoint entered() const { return entered_; }
  bool on_its_way() const;                   // it will reach another state without anybody's doing
  bool wanted() const { return wanted_; }    // starts again when a process that ends now has ended
  bool hopeless() const { return hopeless_; }
  bool has_process() const { return run_.has_value(); }  // one that may exist, or may be on its device
  bool has_place() const { return placed_; }  // memory of its device is reserved for it
  const Life* gave_way_to() const { return gave_way_to_; }  // not null: it starts after that one, which still waits
  // As one who may give way, with a place.
  Occupant occupant() const;
  TurnView turn_view() const { return {model_.name, assignment_.wave, state_, boot_turn_, boot_due_, hopeless_}; }
  std::chrono::seconds retry_after(TimePoint now) const;
  int failures_in_window(TimePoint now) const { return policy_.FailuresInWindow(now); }

  // Of the present process; has_process().
  const Vitals& vitals() const { return run_->vitals; }
  const protocol::MemoryReport& memory() const { return run_->memory; }

 private:
  // What belongs to one process, from the decision to start it until it is proven gone.
  struct Run {
    Run(Vitals::Limits limits, TimePoint now) : vitals(limits, now), stage_since(now) {}
    Vitals vitals;
    protocol::ReadyMessage ready;
    protocol::MemoryReport memory;
    std::uint64_t data_limit = 0;        // RLIMIT_DATA; 0: none
    int looks_above_budget = 0;          // in a row, while ready
    TimePoint stage_since;
    std::optional<TimePoint> ready_since;
    bool open = false;                   // requests may come
    bool asked_to_end = false;
    std::optional<TimePoint> kill_at;    // not ended by then: kill
    std::optional<TimePoint> killed_at;
    std::optional<Killed> killed;        // why
    std::optional<protocol::FailedMessage> last_word;
    std::optional<TimePoint> reaped_at;
    std::optional<Verdict> verdict;      // reaped: why it ended
    Duration good_run{};                 // how long it was ready
  };

  bool LookAtTurn(TimePoint now);
  bool LookAtIdleness(TimePoint now);
  Turn FindObstacle(TimePoint now);
  Turn FindRoom(TimePoint now);
  void WaitFor(Turn obstacle);
  bool LookAtProcess(TimePoint now);
  bool LookAtRemains(TimePoint now);
  std::optional<Trouble> FindTrouble(TimePoint now);

  bool Apply(const Event& event, TimePoint now);
  void Act(unsigned actions, TimePoint now);
  void SetReason(std::string reason);

  void Spawn(TimePoint now);
  void Open(TimePoint now);
  void Close();
  void AskToEnd(TimePoint now);
  void KillProcess(TimePoint now);
  void KillBy(TimePoint latest);
  void Discard();
  void Release();
  void Yield();

  void OnHello(const protocol::HelloMessage& hello, TimePoint now);
  void OnLoading(const protocol::LoadingMessage& loading, TimePoint now);
  void OnReady(const protocol::ReadyMessage& ready, TimePoint now);
  void OnBeat(const protocol::BeatMessage& beat, TimePoint now);
  void Misbehaved(ExitCause cause, std::string reason, TimePoint now);
  void EndStage(const std::string& stage, TimePoint now);

  EndFacts Facts(WaitStatus status, bool oom_killer_ran) const;
  bool NearDataLimit(const WaitStatus& status) const;
  Event Conclude(TimePoint now);

  Schedule& schedule_;
  const config::Model& model_;
  const placement::Assignment assignment_;
  const std::string who_;
  const Duration gone_limit_;
  RestartPolicy policy_;
  Hands& hands_;

  State state_ = State::kStopped;
  bool wanted_ = false;
  std::string reason_ = "not started yet";
  TimePoint entered_;
  bool boot_turn_ = false;  // started at boot, and neither ready nor failed since
  bool boot_due_ = false;   // started at boot, and neither ready nor stopped since
  bool hopeless_ = false;   // waits for something that is not coming
  bool told_ = false;       // … and HeldBack() was said in this wait
  bool passes_ = false;     // … for something of which nobody says when it is over, but soon
  bool evicted_ = false;    // … until it has ended, wanted again or not
  const Life* gave_way_to_ = nullptr;
  TimePoint last_busy_;     // of a ready one: when it was last seen with a request
  bool placed_ = false;     // holds its reservation: from its start until it is stopped or given up

  std::optional<Run> run_;
  std::optional<TimePoint> hurry_;  // the end of the grace of a shutdown
  std::optional<TimePoint> start_again_at_;
};

}  // namespace berth::launch
