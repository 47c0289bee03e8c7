#include "tests/sim/sim_replica.h"

#include <utility>

namespace berth::sim {

using launch::State;

SimReplica::SimReplica(World& world, Traffic& traffic, const placement::Assignment& assignment,
                       const News& news)
    : world_(world),
      traffic_(traffic),
      assignment_(assignment),
      news_(news),
      life_(world.schedule.Add(assignment, world.random.Next(), launch::Life::kGoneLimit, *this, world.clock.now())) {
  traffic.AddReplica(assignment.model, assignment.replica, *this);
}

// ---- when it looks

void SimReplica::LookIfDue() {
  int looks = 0;
  while (std::exchange(due_, false)) {
    if (life_.Look(world_.clock.now())) due_ = true;
    if (++looks > 1000) return world_.Require(false, life_.who() + " looks again and again at the same instant");
  }
  if (looks > 0) SetAlarm();
}

void SimReplica::SetAlarm() {
  const TimePoint next = life_.NextLook(world_.clock.now());
  if (next == TimePoint::max()) return;
  world_.Require(next > world_.clock.now() || life_.state() == State::kBackoff,
                 life_.who() + " wants to look again at the same instant, " + std::string(Name(life_.state())));
  world_.clock.At(next, [this, alarm = ++alarm_] {
    if (alarm == alarm_) due_ = true;
  });
}

void SimReplica::Poke() {
  if (life_.state() == State::kWaiting) due_ = true;
}

void SimReplica::Changed() {
  due_ = true;
  news_.changed(assignment_.model);
}

void SimReplica::Entered() {
  world_.Say(life_.who() + " " + std::string(Name(life_.state())) + ": " + life_.reason());
}

// ---- what the life has done

Status SimReplica::Spawn() {
  world_.Require(process_ == nullptr, life_.who() + " starts a second process");
  world_.Require(gone_, life_.who() + " starts a process while " + assignment_.device + " holds memory of the last");
  news_.starts(*this);
  const Fate fate = RandomFate(world_.random, world_.faults);
  if (fate.cannot_spawn) return MakeError(ErrorKind::kInternal, "simulated: cannot start the program");
  const std::uint64_t incarnation = ++incarnation_;
  Process::Ears ears;
  ears.message = [this](const protocol::FromWorker& message) { life_.On(message, world_.clock.now()); };
  ears.ended = [this, incarnation](launch::WaitStatus status) { OnEnded(incarnation, status); };
  ears.begun = [this](Request& request) { traffic_.Begun(request); };
  ears.finished = [this](Request& request) { traffic_.Finished(request); };
  process_ = std::make_shared<Process>(world_, fate, assignment_.memory, std::move(ears));
  gone_ = closed_ = false;
  process_->Run();
  return Ok();
}

void SimReplica::OnEnded(std::uint64_t incarnation, launch::WaitStatus status) {
  world_.Require(incarnation == incarnation_, life_.who() + ": the end of an earlier process is heard late");
  life_.OnEnd(status, false, world_.clock.now());
}

void SimReplica::Reaped() {
  world_.Require(process_ != nullptr, life_.who() + " is reaped without a process");
  const Duration lingers = process_->fate().lingers;
  process_.reset();
  if (lingers == Duration::zero()) gone_ = true;
  if (!gone_) world_.clock.After(lingers, [this] { gone_ = true; });
  if (auto endpoint = std::exchange(endpoint_, nullptr)) {
    traffic_.admission(assignment_.model).Down(*endpoint);
  }
}

void SimReplica::Open(const protocol::ReadyMessage& ready) {
  world_.Require(process_ != nullptr && process_->alive(), life_.who() + " is opened without a process");
  world_.Require(endpoint_ == nullptr, life_.who() + " is opened twice");
  endpoint_ = std::make_shared<launch::Endpoint>();
  endpoint_->model = assignment_.model;
  endpoint_->replica = assignment_.replica;
  endpoint_->incarnation = incarnation_;
  endpoint_->window = ready.window;
  traffic_.admission(assignment_.model).Up(endpoint_);
}

void SimReplica::Close() {
  world_.Require(endpoint_ != nullptr && !std::exchange(closed_, true), life_.who() + " is closed, but not open");
  traffic_.admission(assignment_.model).Closing(*endpoint_);
}

bool SimReplica::AskToEnd(Duration within) {
  world_.Require(process_ != nullptr, life_.who() + " is asked to end without a process");
  return process_->AskToEnd(within);
}

void SimReplica::Kill() {
  world_.Require(process_ != nullptr, life_.who() + " is killed without a process");
  process_->Kill();
}

// ---- requests

void SimReplica::Offer(Request& request, const launch::Endpoint& endpoint) {
  world_.Require(endpoint_.get() == &endpoint && !closed_,
                 "request " + std::to_string(request.number) + " is sent to a replica that is not open: " + life_.who());
  if (process_ != nullptr) process_->Offer(request);
}

void SimReplica::Withdraw(Request& request) {
  if (process_ != nullptr) process_->Withdraw(request);
}

}  // namespace berth::sim
