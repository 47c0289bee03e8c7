#include "supervisor/launch/life.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "supervisor/launch/schedule.h"

namespace berth::launch {
namespace {

using std::chrono::seconds;

// From a worker's last word, or its `drained`, to its exit.
constexpr Duration kExitDeadline = seconds(5);
// While waiting, changes elsewhere wake the life; this is for what nobody announces.
constexpr Duration kLookAtTurnEvery = seconds(5);
// Nobody announces what a reading of a device says: that it has let go of a process's memory, or was read at all.
constexpr Duration kLookAtReadingEvery = std::chrono::milliseconds(100);

}  // namespace

Life::Life(Schedule& schedule, const config::Model& model, placement::Assignment assignment, std::uint64_t seed,
           Duration gone_limit, Hands& hands, TimePoint now)
    : schedule_(schedule),
      model_(model),
      assignment_(std::move(assignment)),
      who_(assignment_.model + "/" + std::to_string(assignment_.replica)),
      gone_limit_(gone_limit),
      policy_(model.restart, seed),
      hands_(hands),
      entered_(now) {}

// ---- what somebody wants

void Life::Start(bool at_boot, TimePoint now) {
  boot_due_ |= at_boot;
  const bool other_turn = std::exchange(boot_turn_, at_boot) != at_boot;
  const bool changed = Apply({EventKind::kStart, at_boot ? "the plan starts it at boot" : ""}, now);
  if (other_turn && !changed) hands_.Changed();  // it waits for other waves no longer, nor they for it
  if (at_boot || state_ != State::kWaiting) return;
  // Who asked hears at once what stands in the way.
  if (Turn turn = FindObstacle(now); !turn.obstacle.empty()) WaitFor(std::move(turn));
}

void Life::Stop(TimePoint now) {
  boot_turn_ = false;
  const bool was_due = std::exchange(boot_due_, false);
  const bool changed = Apply({EventKind::kStop, {}}, now);
  if (was_due && !changed) hands_.Changed();  // later waves go on without it
}

void Life::GiveWay(const Life& other, TimePoint now) {
  evicted_ = run_.has_value();  // else its place is free at once
  gave_way_to_ = &other;
  hands_.Evicted("pressure");
  Apply({EventKind::kStop, "gives way to " + other.who()}, now);
}

void Life::Restart(TimePoint now) { Apply({EventKind::kRestart, {}}, now); }

void Life::Hurry(TimePoint latest) {
  hurry_ = hurry_ ? std::min(*hurry_, latest) : latest;
  if (run_ && run_->kill_at) KillBy(latest);
  hands_.Changed();
}

// ---- looking

TimePoint Life::NextLook(TimePoint now) const {
  if (state_ == State::kWaiting) return now + (passes_ ? kLookAtReadingEvery : kLookAtTurnEvery);
  if (state_ == State::kBackoff) return start_again_at_.value_or(now);
  if (!run_) return TimePoint::max();
  if (run_->verdict) return now + kLookAtReadingEvery;
  TimePoint next = now + Vitals::kCheckEvery;
  if (run_->kill_at && !run_->killed_at) next = std::min(next, *run_->kill_at);
  if (run_->killed_at && state_ == State::kStopping) next = std::min(next, *run_->killed_at + gone_limit_);
  return next;
}

bool Life::Look(TimePoint now) {
  if (state_ == State::kWaiting) return LookAtTurn(now);
  if (state_ == State::kBackoff && start_again_at_ && now >= *start_again_at_) {
    return Apply({EventKind::kBackoffOver, {}}, now);
  }
  if (!run_) return false;
  if (state_ == State::kReady && LookAtIdleness(now)) return true;
  return run_->verdict ? LookAtRemains(now) : LookAtProcess(now);
}

bool Life::LookAtIdleness(TimePoint now) {
  if (hands_.InFlight() > 0) last_busy_ = now;
  if (!config::OnDemand(model_) || model_.idle_stop == Duration::zero() || now - last_busy_ < model_.idle_stop) return false;
  hands_.Evicted("ttl");
  return Apply({EventKind::kStop, "had no request for " + FormatDuration(model_.idle_stop)}, now);
}

bool Life::LookAtTurn(TimePoint now) {
  Turn turn = FindObstacle(now);
  if (turn.obstacle.empty() && !placed_) {
    const Status reserved =
        schedule_.ledger().Reserve(assignment_.devices, model_.name, assignment_.replica, assignment_.memory);
    if (!reserved) turn = {reserved.error().message, true};
    placed_ = reserved.has_value();
  }
  if (!turn.obstacle.empty()) {
    WaitFor(std::move(turn));
    return false;
  }
  hopeless_ = false;
  for (const std::string& device : assignment_.devices) schedule_.slots().Take(device, who_);
  return Apply({EventKind::kGranted, {}}, now);
}

// Why no process may begin yet.
Turn Life::FindObstacle(TimePoint now) {
  passes_ = false;
  if (Turn turn = schedule_.TurnOf(*this); !turn.obstacle.empty()) return turn;
  if (gave_way_to_ != nullptr && gave_way_to_->state() == State::kWaiting && !gave_way_to_->hopeless()) {
    return {"gave way to " + gave_way_to_->who() + ", which has not started yet", false};
  }
  gave_way_to_ = nullptr;
  for (const std::string& device : assignment_.devices) {
    if (const std::string loading = schedule_.slots().Holder(device); !loading.empty()) {
      return {"waits for " + loading + ", which loads on " + device, false};
    }
  }
  if (Turn turn = placed_ ? Turn{} : FindRoom(now); !turn.obstacle.empty()) return turn;
  Turn objection = hands_.Objection(false);
  passes_ = !objection.obstacle.empty() && !objection.hopeless;
  return objection;
}

// A place in the ledger; others are asked to give theirs only where that can help.
Turn Life::FindRoom(TimePoint now) {
  const Status room =
      schedule_.ledger().Check(assignment_.devices, model_.name, assignment_.replica, assignment_.memory);
  if (room) return {};
  Turn objection = hands_.Objection(true);
  passes_ = !objection.obstacle.empty() && !objection.hopeless;
  if (!objection.obstacle.empty()) return objection;
  const std::string waits_for = schedule_.MakeRoom(*this, now);
  passes_ = !waits_for.empty();
  return {passes_ ? "waits for " + waits_for : room.error().message, !passes_};
}

void Life::WaitFor(Turn obstacle) {
  const bool news = obstacle.hopeless != hopeless_;
  hopeless_ = obstacle.hopeless;
  if (news && obstacle.obstacle == reason_) hands_.Changed();
  SetReason(std::move(obstacle.obstacle));
  if (hopeless_ && !std::exchange(told_, true)) hands_.HeldBack();
}

std::optional<Trouble> Life::FindTrouble(TimePoint now) {
  if (state_ == State::kStarting || state_ == State::kLoading) return run_->vitals.CheckLoad(now);
  if (state_ == State::kReady) return run_->vitals.CheckHealth(now, hands_.HasWork());
  return {};
}

bool Life::LookAtProcess(TimePoint now) {
  if (auto trouble = FindTrouble(now)) {
    Misbehaved(trouble->cause, std::move(trouble->reason), now);
    return true;
  }
  if (run_->killed_at) {
    const bool stuck = state_ == State::kStopping && now - *run_->killed_at >= gone_limit_;
    return stuck && Apply({EventKind::kUnreaped, {}}, now);
  }
  return run_->kill_at && now >= *run_->kill_at && Apply({EventKind::kOutOfTime, {}}, now);
}

// The process is reaped; its memory is its own until the device has let go of it, too.
bool Life::LookAtRemains(TimePoint now) {
  if (hands_.Gone()) return Apply(Conclude(now), now);
  if (state_ == State::kStopping && now - *run_->reaped_at >= gone_limit_) {
    return Apply({EventKind::kUnreaped,
                  "reaped, but " + JoinDevices(assignment_) + " still holds its memory; it stays reserved"}, now);
  }
  return false;
}

// ---- decisions and their actions

bool Life::Apply(const Event& event, TimePoint now) {
  Transition next = Step({state_, wanted_}, event);
  const bool changed_mind = std::exchange(wanted_, next.wanted) != next.wanted;
  if (next.breach && run_ && !run_->killed) run_->killed = Killed{ExitCause::kProtocol, next.reason};
  if (next.state == state_ && next.actions == 0) {
    if (!next.reason.empty()) SetReason(std::move(next.reason));
    if (changed_mind) hands_.Changed();
    return false;
  }
  if (state_ == State::kBackoff) hands_.BacksOff(Duration::zero());
  state_ = next.state;
  reason_ = std::move(next.reason);
  entered_ = now;
  hopeless_ = told_ = false;
  hands_.Entered();
  Act(next.actions, now);
  hands_.Changed();
  return true;
}

void Life::SetReason(std::string reason) {
  if (reason == reason_) return;
  reason_ = std::move(reason);
  hands_.Changed();
}

void Life::Act(unsigned actions, TimePoint now) {
  if (actions & kForgive) policy_.Forgive();
  if (actions & kSpawn) Spawn(now);
  if (actions & kOpen) Open(now);
  if (actions & kClose) Close();
  if (actions & kAskToEnd) AskToEnd(now);
  if (actions & kAwaitEnd) KillBy(now + kExitDeadline);
  if (actions & kKill) KillProcess(now);
  if (actions & kDiscard) Discard();
  const bool gives_place_back = (actions & kDiscard) != 0 && std::exchange(evicted_, false);
  if (gives_place_back || (actions & kRelease)) Release();
  if (actions & kYield) Yield();
}

void Life::Spawn(TimePoint now) {
  start_again_at_.reset();
  run_.emplace(Vitals::Limits{model_.load_stall, model_.health_stall}, now);
  const auto spawned = hands_.Spawn();
  if (spawned) return;
  Verdict verdict;
  verdict.exit.cause = ExitCause::kLoadFailed;
  verdict.exit.reason = spawned.error().message;
  run_->verdict = std::move(verdict);  // looked at next
  run_->reaped_at = now;
  hands_.LoadEnded(false);
  hands_.Exited(*run_->verdict);
}

void Life::Open(TimePoint now) {
  run_->ready_since = last_busy_ = now;
  run_->open = true;
  boot_due_ = false;
  run_->data_limit = hands_.Fence(run_->ready.memory);
  Yield();
  hands_.LoadEnded(true);
  hands_.Open(run_->ready);
}

void Life::Close() {
  if (run_ && std::exchange(run_->open, false)) hands_.Close();
}

void Life::KillBy(TimePoint latest) {
  if (run_) run_->kill_at = run_->kill_at ? std::min(*run_->kill_at, latest) : latest;
}

void Life::AskToEnd(TimePoint now) {
  const TimePoint latest = hurry_ ? std::min(*hurry_, now + model_.stop_grace) : now + model_.stop_grace;
  run_->asked_to_end = true;
  const bool heard = hands_.AskToEnd(std::max(std::chrono::duration_cast<Duration>(latest - now), Duration::zero()));
  KillBy(heard ? latest : now);
}

void Life::KillProcess(TimePoint now) {
  if (!run_ || run_->verdict) return;  // it could not be started: there is nobody to kill
  if (!run_->killed) run_->killed = Killed{ExitCause::kRequested, reason_};
  if (!run_->killed_at) run_->killed_at = now;
  hands_.Kill();
}

void Life::Discard() {
  run_.reset();
  Yield();
}

void Life::Release() {
  if (std::exchange(placed_, false)) schedule_.ledger().Release(model_.name, assignment_.replica);
}

// Its load is over, one way or another: the device is free for the next one, later waves need not wait.
void Life::Yield() {
  boot_turn_ = false;
  for (const std::string& device : assignment_.devices) schedule_.slots().Release(device, who_);
}

// ---- what others ask

Occupant Life::occupant() const {
  const bool ready = state_ == State::kReady;
  const bool going = evicted_ || (!wanted_ && run_.has_value());
  const int in_flight = ready ? hands_.InFlight() : 0;
  return {model_.name, assignment_.replica, model_.priority, ready, state_ == State::kWaiting, going, in_flight,
          ready ? *run_->ready_since : TimePoint(), last_busy_};
}

bool Life::on_its_way() const {
  switch (state_) {
    case State::kWaiting:
    case State::kStarting:
    case State::kLoading:
    case State::kDraining:
    case State::kStopping:
    case State::kBackoff: return true;
    default: return false;
  }
}

std::chrono::seconds Life::retry_after(TimePoint now) const {
  if (state_ == State::kBackoff && start_again_at_) {
    return std::max(seconds(1), std::chrono::ceil<seconds>(*start_again_at_ - now));
  }
  if (state_ == State::kLoading && run_->vitals.fraction() > 0.05) {
    const double fraction = run_->vitals.fraction();
    const double left = std::chrono::duration<double>(now - entered_).count() * (1 - fraction) / fraction;
    return seconds(std::clamp(static_cast<int>(std::ceil(left)), 1, 60));
  }
  return seconds(on_its_way() ? 1 : 30);
}

}  // namespace berth::launch
