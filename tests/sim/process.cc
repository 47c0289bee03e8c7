#include "tests/sim/process.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "supervisor/base/exit_code.h"

namespace berth::sim {

using namespace std::chrono_literals;

Process::Process(World& world, const Fate& fate, Bytes budget, Ears ears)
    : world_(world), fate_(fate), budget_(budget), ears_(std::move(ears)) {}

void Process::Run() {
  Later(fate_.hello, &Process::Greet);
  if (fate_.crash) Later(*fate_.crash, &Process::Crash);
}

void Process::Later(Duration delay, void (Process::*what)()) {
  world_.clock.After(delay, [self = shared_from_this(), what] {
    if (!self->ended_ && !self->killed_) ((*self).*what)();
  });
}

void Process::Say(const protocol::FromWorker& message) {
  if (!ended_ && !killed_ && !silent_) ears_.message(message);
}

void Process::Greet() {
  protocol::HelloMessage hello;
  hello.protocol = protocol::kProtocolVersion;
  Say(hello);
  if (fate_.breaks_protocol) Say(hello);
  Load();
}

void Process::Load() {
  if (hung_) return;
  if (fate_.load_stalls && fraction_ >= *fate_.load_stalls) return;
  if (fate_.load_fails && fraction_ >= *fate_.load_fails) {
    Say(protocol::FailedMessage{"simulated: cannot load", fate_.permanent});
    leaving_ = true;
    return Later(1ms, &Process::Leave);
  }
  if (fraction_ >= 1) return GetReady();
  Say(protocol::LoadingMessage{"weights", fraction_});
  fraction_ = std::min(1.0, fraction_ + 0.125);
  Later(fate_.load / 8, &Process::Load);
}

void Process::GetReady() {
  protocol::ReadyMessage ready;
  ready.capabilities.kind = "embedding";
  ready.window = kWindow;
  ready.memory.rss_anon = fate_.over_budget ? budget_.count + 1 : budget_.count / 2;
  Say(ready);
  if (fate_.hangs) Later(*fate_.hangs, &Process::Hang);
  if (fate_.goes_silent) Later(*fate_.goes_silent, &Process::FallSilent);
  Later(1s, &Process::Beat);
}

void Process::Beat() {
  if (!hung_ && !begun_.empty()) ++steps_;
  protocol::BeatMessage beat;
  beat.steps = steps_;
  beat.memory.rss_anon = budget_.count / 2;
  Say(beat);
  Later(1s, &Process::Beat);
}

void Process::Hang() { hung_ = true; }
void Process::FallSilent() { silent_ = hung_ = true; }
void Process::Crash() { Die({0, SIGSEGV}); }
void Process::FailDevice() { Die({Code(WorkerExit::kDeviceError), 0}); }

void Process::LoseDevice() {
  if (!world_.random.Percent(70)) return Hang();
  Later(world_.random.Skewed(1ms, 5s), &Process::FailDevice);
}

// ---- requests

void Process::Offer(Request& request) {
  offered_.push_back(&request);
  Later(world_.random.Between(1ms, 20ms), &Process::BeginSome);
}

void Process::Withdraw(Request& request) {
  std::erase(offered_, &request);
  if (begun_.erase(&request) > 0 && !hung_) BeginSome();
  LeaveWhenDone();
}

void Process::BeginSome() {
  while (!hung_ && !draining_ && !ended_ && !killed_ && begun_.size() < kAtOnce && !offered_.empty()) {
    Request* request = offered_.front();
    offered_.pop_front();
    begun_.insert(request);
    ++steps_;
    ears_.begun(*request);
    const Duration takes = world_.random.Skewed(1ms, 4s);
    world_.clock.After(takes, [self = shared_from_this(), request] { self->Finish(*request); });
  }
}

void Process::Finish(Request& request) {
  if (ended_ || killed_ || hung_ || begun_.erase(&request) == 0) return;
  ++steps_;
  ears_.finished(request);
  BeginSome();
  LeaveWhenDone();
}

// ---- its end

bool Process::AskToEnd(Duration within) {
  if (!fate_.reads || ended_) return false;
  if (!fate_.hears_drain || silent_) return true;
  draining_ = true;
  LeaveWhenDone();
  if (!leaving_) Later(within, &Process::Leave);  // what is not done by then is cut off
  return true;
}

void Process::LeaveWhenDone() {
  if (!draining_ || leaving_ || hung_ || ended_ || !begun_.empty()) return;
  leaving_ = true;
  Say(protocol::DrainedMessage{});
  Later(world_.random.Between(1ms, 50ms), &Process::Leave);
}

void Process::Leave() {
  if (silent_) return;
  Die({draining_ ? 0 : Code(fate_.permanent ? WorkerExit::kBadModel : WorkerExit::kTryAgain), 0});
}

void Process::Kill() {
  if (std::exchange(killed_, true)) return;
  world_.clock.After(fate_.dies_after_kill, [self = shared_from_this()] { self->Die({0, SIGKILL}); });
}

void Process::Die(launch::WaitStatus status) {
  if (std::exchange(ended_, true)) return;
  // The kernel's word takes a moment to be heard.
  world_.clock.After(1ms, [self = shared_from_this(), status] { self->ears_.ended(status); });
}

}  // namespace berth::sim
