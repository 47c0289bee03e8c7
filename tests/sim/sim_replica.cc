#include "tests/sim/sim_replica.h"

#include <algorithm>
#include <utility>

namespace berth::sim {

using namespace std::chrono_literals;
using launch::State;

SimReplica::SimReplica(World& world, Devices& devices, Traffic& traffic,
                       const placement::Assignment& assignment, const News& news)
    : world_(world),
      devices_(devices),
      traffic_(traffic),
      assignment_(assignment),
      place_(devices.gpus(), assignment_),
      news_(news),
      life_(world.schedule.Add(assignment, world.random.Next(), launch::Life::kGoneLimit, *this,
                               world.clock.now())) {
  traffic.AddReplica(assignment.model, assignment.replica, *this);
}

// ---- when it looks

void SimReplica::LookIfDue() {
  int looks = 0;
  while (std::exchange(due_, false)) {
    if (life_.Look(world_.clock.now())) due_ = true;
    if (++looks > 1000)
      return world_.Require(false, life_.who(), " looks again and again at the same instant");
  }
  if (looks == 0) return;
  looked_at_ = world_.clock.now();
  SetAlarm();
}

void SimReplica::SetAlarm() {
  const TimePoint next = life_.NextLook(world_.clock.now());
  if (next == TimePoint::max()) return;
  world_.Require(next > world_.clock.now() || life_.state() == State::kBackoff, life_.who(),
                 " wants to look again at the same instant, ", Name(life_.state()));
  world_.clock.At(next, [this, alarm = ++alarm_] {
    if (alarm == alarm_) due_ = true;
  });
}

void SimReplica::Poke() {
  if (life_.state() == State::kWaiting) due_ = true;
}

void SimReplica::Changed() {
  due_ = true;
  told_ = life_.state();
  news_.changed(assignment_.model);
}

void SimReplica::Entered() {
  entered_ = life_.state();
  const bool given_up = entered_ == State::kFailed || entered_ == State::kQuarantined;
  if (entered_ == State::kDraining) gives_way_ = life_.gave_way_to() != nullptr;
  const bool ended = entered_ == State::kWaiting || entered_ == State::kBackoff || given_up || entered_ == State::kStopped;
  const bool evicted = ended && std::exchange(gives_way_, false);
  if (entered_ == State::kStopped || given_up || evicted) has_place_ = false;
  world_.Say(life_.who() + " " + std::string(Name(life_.state())) + ": " + life_.reason());
}

// ---- what the life has done

Status SimReplica::Spawn() {
  world_.Require(process_ == nullptr, life_.who(), " starts a second process");
  world_.Require(gone_ || !leaves_provably(), life_.who(), " starts a process while ", assignment_,
                 " holds memory of the last");
  news_.starts(*this);
  has_place_ = true;
  load_ended_ = exited_ = std::nullopt;
  heard_ = world_.clock.now();
  place_.Begins();
  const Fate fate = RandomFate(world_.random, world_.faults);
  if (fate.cannot_spawn) return MakeError(ErrorKind::kInternal, "simulated: cannot start the program");
  const std::uint64_t incarnation = ++incarnation_;
  Process::Ears ears;
  ears.message = [this](const protocol::FromWorker& message) {
    heard_ = world_.clock.now();
    if (const auto* loading = std::get_if<protocol::LoadingMessage>(&message)) Holds(loading->fraction);
    life_.On(message, heard_);
  };
  ears.ended = [this, incarnation](launch::WaitStatus status) { OnEnded(incarnation, status); };
  ears.begun = [this](Request& request) { traffic_.Begun(request); };
  ears.finished = [this](Request& request) { traffic_.Finished(request); };
  process_ = std::make_shared<Process>(world_, fate, assignment_.memory, std::move(ears));
  gone_ = closed_ = lost_device_ = false;
  pid_ = devices_.NewPid();
  use_ = Bytes{assignment_.memory.count / 100 * static_cast<std::uint64_t>(world_.random.Between(20, 100))};
  place_.Runs(pid_);
  process_->Run();
  return Ok();
}

void SimReplica::OnEnded(std::uint64_t incarnation, launch::WaitStatus status) {
  world_.Require(incarnation == incarnation_, life_.who(), ": the end of an earlier process is heard late");
  life_.OnEnd(status, false, world_.clock.now());
}

void SimReplica::Reaped() {
  world_.Require(process_ != nullptr, life_.who(), " is reaped without a process");
  Promise(exited_.has_value(), "is reaped, and nobody heard how it ended");
  const auto held = [this](const std::string& device) { return devices_.IsHeld(device, pid_); };
  const bool left = !place_.on_gpu() || std::ranges::any_of(assignment_.devices, held);
  const Duration lingers = left ? process_->fate().lingers : Duration(0);
  process_.reset();
  place_.Reaped(world_.clock.now());
  world_.harmed_until = std::max<TimePoint>(world_.harmed_until, world_.clock.now() + lingers);
  const auto let_go = [this, incarnation = incarnation_, pid = pid_] {
    for (const std::string& device : assignment_.devices) devices_.LetGo(device, pid);
    if (incarnation == incarnation_) gone_ = true;
  };
  if (lingers == Duration::zero()) let_go();
  if (!gone_) world_.clock.After(lingers, let_go);
  if (auto endpoint = std::exchange(endpoint_, nullptr)) {
    traffic_.admission(assignment_.model).Down(*endpoint);
  }
}

void SimReplica::Open(const protocol::ReadyMessage& ready) {
  world_.Require(process_ != nullptr && process_->alive(), life_.who(), " is opened without a process");
  world_.Require(endpoint_ == nullptr, life_.who(), " is opened twice");
  Promise(load_ended_ == true, "is opened before its load has ended");
  Holds(1);
  place_.Loaded(world_.clock.now());
  for (const std::string& device : assignment_.devices) devices_.Loaded(device);
  endpoint_ = std::make_shared<launch::Endpoint>();
  was_ready_ = true;
  endpoint_->model = assignment_.model;
  endpoint_->replica = assignment_.replica;
  endpoint_->incarnation = incarnation_;
  endpoint_->window = ready.window;
  traffic_.admission(assignment_.model).Up(endpoint_);
}

void SimReplica::Close() {
  world_.Require(endpoint_ != nullptr && !std::exchange(closed_, true), life_.who(),
                 " is closed, but not open");
  traffic_.admission(assignment_.model).Closing(*endpoint_);
}

bool SimReplica::AskToEnd(Duration within) {
  world_.Require(process_ != nullptr, life_.who(), " is asked to end without a process");
  return process_->AskToEnd(within);
}

void SimReplica::Kill() {
  world_.Require(process_ != nullptr, life_.who(), " is killed without a process");
  process_->Kill();
}

void SimReplica::Holds(double share) {
  const Bytes used{static_cast<std::uint64_t>(static_cast<double>(use_.count) * share)};
  if (lost_device_) return;
  for (const std::string& device : assignment_.devices) {
    devices_.Holds(device, {assignment_.model, assignment_.replica}, pid_, used);
  }
}

void SimReplica::LoseDevice() {
  lost_device_ = true;
  // What it holds of others goes with its process; the rest of a process that has ended is on them.
  const auto held = [this](const std::string& device) { return devices_.IsHeld(device, pid_); };
  if (process_ != nullptr)
    process_->LoseDevice();
  else if (std::ranges::none_of(assignment_.devices, held))
    gone_ = true;
}

// ---- what the life says of itself

void SimReplica::LoadEnded(bool ready) { Promise(!std::exchange(load_ended_, ready), "ends one load twice"); }

void SimReplica::Exited(const launch::Verdict& verdict) {
  Promise(!std::exchange(exited_, true), "ends twice");
  Promise(load_ended_ || verdict.expected, "failed to load, and nobody counts it");
}

void SimReplica::BacksOff(Duration delay) {
  back_off_until_.reset();
  if (delay > Duration::zero()) back_off_until_ = world_.clock.now() + delay;
}

// ---- the promises

void SimReplica::Promise(bool kept, const char* promise) {
  if (!kept) world_.Require(false, life_.who(), " ", promise, " (", Name(life_.state()), ")");
}

void SimReplica::CheckInstant() {
  const State state = life_.state();
  CheckSaid(state);
  CheckTimes(state);
  const bool ends = state == State::kDraining || state == State::kStopping || state == State::kStuck;
  Promise(life_.wanted() ? state != State::kStopped : ends || state == State::kStopped,
          "goes on against what is wanted");
  Promise((state == State::kReady) == open(), "takes requests exactly while it is ready");
  const bool loads = state == State::kStarting || state == State::kLoading;
  const bool serves = process_ != nullptr && (loads || state == State::kReady);
  Promise(!serves || incarnation_ > replaced_, "was to be restarted, and goes on");
  const bool comes = loads || state == State::kWaiting || state == State::kStopping;
  Promise(comes || !life_.turn_view().boot_turn, "keeps later waves waiting, and is not on its way");
  const auto turn_is_its = [&](const std::string& device) {
    return world_.schedule.slots().Holder(device) == life_.who();
  };
  const bool holds_turn = std::ranges::any_of(assignment_.devices, turn_is_its);
  Promise(std::ranges::all_of(assignment_.devices, turn_is_its) == holds_turn,
          "has the turn of some of its devices");
  Promise(holds_turn || !loads, "loads without the device's turn");
  Promise(!holds_turn || loads || state == State::kStopping, "keeps the device's turn, and does not load");
}

void SimReplica::CheckSaid(State state) {
  Promise(entered_ == state, "is in a state that nobody saw it enter");
  Promise(told_ == state, "changed, and told nobody");
  Promise(back_off_until_.has_value() == (state == State::kBackoff),
          "shows a back-off exactly while it backs off");
}

// No state lasts longer than what it waits for: nobody sleeps through a deadline.
void SimReplica::CheckTimes(State state) {
  const TimePoint now = world_.clock.now();
  const config::Model& model = life_.model();
  const bool loads = state == State::kStarting || state == State::kLoading;
  Promise(!back_off_until_ || now < *back_off_until_, "backs off for too long");
  Promise(!loads || now - heard_ <= model.load_stall + launch::Vitals::kCheckEvery, "loads without progress");
  Promise(state != State::kReady || now - heard_ <= model.health_stall + launch::Vitals::kCheckEvery,
          "is silent");
  const bool in_grace = now - life_.entered() < model.stop_grace &&
                        (!world_.schedule.ending() || now < world_.schedule.deadline());
  Promise(state != State::kDraining || in_grace, "drains beyond its grace");
  const Duration gone = launch::Life::kGoneLimit + 100ms;  // it looks so often whether memory is gone
  Promise(state != State::kStopping || now - life_.entered() < gone, "stops for too long");
}

// ---- requests

void SimReplica::Offer(Request& request, const launch::Endpoint& endpoint) {
  world_.Require(endpoint_.get() == &endpoint && !closed_, "request ", request.number,
                 " is sent to a replica that is not open: ", life_.who());
  if (process_ != nullptr) process_->Offer(request);
}

void SimReplica::Withdraw(Request& request) {
  if (process_ != nullptr) process_->Withdraw(request);
}

}  // namespace berth::sim
