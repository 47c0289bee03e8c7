// A simulated worker process: says what its fate makes it say, begins and finishes requests, dies. Belongs to
// a SimReplica, whose life hears of it only what a real one would.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "supervisor/launch/endpoint.h"
#include "supervisor/launch/exit_cause.h"
#include "tests/sim/fate.h"
#include "tests/sim/world.h"
#include "worker/protocol/control.h"

namespace berth::sim {

struct Request;

class Process : public std::enable_shared_from_this<Process> {
 public:
  // How it reaches the daemon. Not called once it has ended.
  struct Ears {
    std::function<void(const protocol::FromWorker&)> message;
    std::function<void(launch::WaitStatus)> ended;
    std::function<void(Request&)> begun;
    std::function<void(Request&)> finished;
  };
  static constexpr int kWindow = 8;

  Process(World& world, const Fate& fate, Bytes budget, Ears ears);
  void Run();  // its story begins; once, right after it was made

  const Fate& fate() const { return fate_; }
  bool alive() const { return !ended_; }
  bool has_work() const { return !offered_.empty() || !begun_.empty(); }

  bool AskToEnd(Duration within);
  void Kill();
  void LoseDevice();  // it ends soon, or hangs in a call that never returns

  void Offer(Request& request);
  void Withdraw(Request& request);  // its client has left, or it is sent elsewhere

 private:
  static constexpr std::size_t kAtOnce = 4;

  void Later(Duration delay, void (Process::*what)());
  void Say(const protocol::FromWorker& message);
  void Greet();
  void Load();
  void GetReady();
  void Beat();
  void Crash();
  void Hang();
  void FallSilent();
  void FailDevice();
  void BeginSome();
  void Finish(Request& request);
  void LeaveWhenDone();
  void Leave();
  void Die(launch::WaitStatus status);

  World& world_;
  const Fate fate_;
  const Bytes budget_;
  const Ears ears_;
  double fraction_ = 0;
  std::uint64_t steps_ = 0;
  bool hung_ = false, silent_ = false, draining_ = false, killed_ = false, leaving_ = false, ended_ = false;
  std::deque<Request*> offered_;
  std::set<Request*> begun_;
};

}  // namespace berth::sim
