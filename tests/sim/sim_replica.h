// The hands of one life in a simulation: makes simulated processes instead of real ones, and holds the life to
// its side of the contract (one process at a time, nothing done to what is not there).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "supervisor/launch/schedule.h"
#include "tests/sim/devices.h"
#include "tests/sim/process.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"

namespace berth::sim {

class SimReplica;

// What the simulation hears of its replicas.
struct News {
  std::function<void(const std::string& model)> changed;  // a life's state or prospects
  std::function<void(SimReplica&)> starts;                // a process, now
};

class SimReplica : public launch::Hands {
 public:
  SimReplica(World& world, Devices& devices, Traffic& traffic, const placement::Assignment& assignment, const News& news);

  launch::Life& life() { return life_; }
  const placement::Assignment& assignment() const { return assignment_; }

  // Does what the daemon's coroutine does: looks when something changed or a deadline has come.
  void LookIfDue();
  void Poke();

  void Offer(Request& request, const launch::Endpoint& endpoint);
  void Withdraw(Request& request);

  void LoseDevice();
  void LookAtPlace() { place_.Look(); }  // as the daemon does about once a second
  TimePoint looked_at() const { return looked_at_; }

  // Its present process, if any, was to be replaced by another one.
  void MustBeReplaced() { replaced_ = incarnation_; }
  bool has_room() const { return open() && endpoint_->in_flight.load() < endpoint_->window; }
  void CheckInstant();  // its promises, once nothing more happens at this instant

  // A process that may use its device: alive, not reaped, or reaped with its memory still there.
  bool occupies_device() const { return process_ != nullptr || (!gone_ && leaves_provably()); }
  bool due() const { return due_; }
  bool was_ready() const { return was_ready_; }
  bool has_place() const { return has_place_; }  // it has started there, and neither was stopped nor given up since

  Status Spawn() override;
  void Open(const protocol::ReadyMessage& ready) override;
  bool BudgetIsHostMemory() override { return true; }
  std::uint64_t Fence(const protocol::MemoryReport&) override { return 0; }
  void Close() override;
  bool AskToEnd(Duration within) override;
  void Kill() override;
  void Reaped() override;
  bool Gone() override { return place_.on_gpu() ? place_.Gone() : gone_; }
  launch::Turn Objection(bool alone) override { return place_.Objection(world_.clock.now(), alone); }
  bool HasWork() override { return process_ != nullptr && process_->has_work(); }
  int InFlight() override { return open() ? endpoint_->in_flight.load() : 0; }
  void Entered() override;
  void HeldBack() override {}
  void Changed() override;
  void StageEnded(const std::string&, Duration) override {}
  void LoadEnded(bool ready) override;
  void Exited(const launch::Verdict& verdict) override;
  void BacksOff(Duration delay) override;

 private:
  void OnEnded(std::uint64_t incarnation, launch::WaitStatus status);
  void SetAlarm();
  void Holds(double share);  // of what its process will use of its device
  // In a container, and before any of ours was ever listed, what a process leaves is a guess from the sum of all.
  bool leaves_provably() const { return !place_.on_gpu() || (devices_.tells_pids() && devices_.gpus().lists_pids()); }
  bool open() const { return endpoint_ != nullptr && !closed_; }
  void Promise(bool kept, const char* promise);
  void CheckSaid(launch::State state);
  void CheckTimes(launch::State state);

  World& world_;
  Devices& devices_;
  Traffic& traffic_;
  const placement::Assignment assignment_;
  launch::GpuPlace place_;
  const News& news_;
  launch::Life& life_;
  std::uint64_t incarnation_ = 0;
  std::shared_ptr<Process> process_;
  std::shared_ptr<launch::Endpoint> endpoint_;
  bool closed_ = false;
  bool was_ready_ = false;
  bool has_place_ = false;
  bool gives_way_ = false;  // its process ends for the sake of another one
  bool gone_ = true;
  bool lost_device_ = false;  // its present process, or the last one
  int pid_ = 0;
  Bytes use_;                 // of its device, in the end
  bool due_ = true;
  TimePoint looked_at_{};
  std::uint64_t alarm_ = 0;    // the one that counts
  std::uint64_t replaced_ = 0; // no process up to this one is to go on

  // What the life said of itself.
  launch::State entered_ = launch::State::kStopped, told_ = launch::State::kStopped;
  std::optional<TimePoint> back_off_until_;
  std::optional<bool> load_ended_, exited_;  // of the last start
  TimePoint heard_{};          // its process, last
};

}  // namespace berth::sim
