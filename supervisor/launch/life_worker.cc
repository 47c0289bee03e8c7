// The other half of Life: what its worker says, and how it ends.
#include <algorithm>

#include "supervisor/launch/life.h"

namespace berth::launch {
namespace {

// VmData above this share of RLIMIT_DATA: an abnormal end is a matter of memory.
constexpr double kNearLimit = 0.95;

std::string LoadingReason(const std::string& stage, double fraction) {
  return "loading " + stage + ", " + std::to_string(static_cast<int>(fraction * 100)) + " %";
}

Duration Since(TimePoint then, TimePoint now) { return std::chrono::duration_cast<Duration>(now - then); }

}  // namespace

// ---- what the worker says

void Life::On(const protocol::FromWorker& message, TimePoint now) {
  if (!run_ || run_->verdict) return;
  if (const auto* hello = std::get_if<protocol::HelloMessage>(&message)) OnHello(*hello, now);
  if (const auto* loading = std::get_if<protocol::LoadingMessage>(&message)) OnLoading(*loading, now);
  if (const auto* ready = std::get_if<protocol::ReadyMessage>(&message)) OnReady(*ready, now);
  if (const auto* beat = std::get_if<protocol::BeatMessage>(&message)) OnBeat(*beat, now);
  if (std::holds_alternative<protocol::DrainedMessage>(message)) Apply({EventKind::kDrained, {}}, now);
  if (const auto* failed = std::get_if<protocol::FailedMessage>(&message)) {
    if (!run_->killed) run_->last_word = *failed;
    Apply({EventKind::kFailed, failed->reason}, now);
  }
}

void Life::EndStage(const std::string& stage, TimePoint now) {
  hands_.StageEnded(stage, Since(run_->stage_since, now));
  run_->stage_since = now;
}

void Life::OnHello(const protocol::HelloMessage& hello, TimePoint now) {
  if (hello.protocol != protocol::kProtocolVersion) {
    return Misbehaved(ExitCause::kProtocol,
                      "speaks protocol " + std::to_string(hello.protocol) + ", this daemon speaks " +
                          std::to_string(protocol::kProtocolVersion) + "; install berthd and berth-worker together",
                      now);
  }
  EndStage("spawn", now);
  run_->vitals.OnLoading("", 0, now);
  Apply({EventKind::kHello, {}}, now);
}

void Life::OnLoading(const protocol::LoadingMessage& loading, TimePoint now) {
  if (loading.stage != run_->vitals.stage()) EndStage(run_->vitals.stage(), now);
  run_->vitals.OnLoading(loading.stage, loading.fraction, now);
  std::string reason = LoadingReason(loading.stage, run_->vitals.fraction());
  if (state_ == State::kLoading) return SetReason(std::move(reason));
  Apply({EventKind::kLoading, std::move(reason)}, now);
}

void Life::OnReady(const protocol::ReadyMessage& ready, TimePoint now) {
  const Bytes budget = assignment_.memory;
  if (state_ == State::kLoading && ready.memory.rss_anon > budget.count) {
    return Misbehaved(ExitCause::kOverBudget,
                      "holds " + FormatBytes({ready.memory.rss_anon}) +
                          " of private memory after its warm-up, its budget is " + FormatBytes(budget) +
                          "; raise its memory",
                      now);
  }
  EndStage(run_->vitals.stage(), now);
  run_->vitals.OnReady(now);
  run_->ready = ready;
  run_->memory = ready.memory;
  Apply({EventKind::kReady, {}}, now);
}

void Life::OnBeat(const protocol::BeatMessage& beat, TimePoint now) {
  if (state_ == State::kStarting) return Misbehaved(ExitCause::kProtocol, "sent \"beat\" before \"hello\"", now);
  run_->vitals.OnBeat(beat.steps, now);
  run_->memory = beat.memory;
}

void Life::OnBreach(std::string reason, TimePoint now) { Misbehaved(ExitCause::kProtocol, std::move(reason), now); }

void Life::Misbehaved(ExitCause cause, std::string reason, TimePoint now) {
  if (!run_ || run_->verdict) return;
  if (!run_->killed) run_->killed = Killed{cause, reason};
  Apply({EventKind::kMisbehaved, std::move(reason)}, now);
}

// ---- its end

EndFacts Life::Facts(WaitStatus status, bool oom_killer_ran) const {
  EndFacts facts;
  facts.status = status;
  facts.killed = run_->killed;
  facts.failed = run_->last_word;
  facts.asked_to_end = run_->asked_to_end;
  facts.was_ready = run_->ready_since.has_value();
  facts.oom_killer_ran = oom_killer_ran;
  facts.near_memory_limit =
      run_->data_limit > 0 &&
      static_cast<double>(run_->memory.vm_data) >= kNearLimit * static_cast<double>(run_->data_limit);
  return facts;
}

void Life::OnEnd(WaitStatus status, bool oom_killer_ran, TimePoint now) {
  if (!run_ || run_->verdict) return;
  run_->verdict = JudgeExit(Facts(status, oom_killer_ran));
  run_->reaped_at = now;
  run_->open = false;
  if (run_->ready_since) run_->good_run = Since(*run_->ready_since, now);
  if (!run_->ready_since && !run_->verdict->expected) hands_.LoadEnded(false);
  hands_.Exited(*run_->verdict);
  hands_.Reaped();
  if (LookAtRemains(now)) return;
  Apply({EventKind::kReaped, "ended; waits until " + assignment_.device + " has let go of its memory"}, now);
}

// What comes of an end depends on what is wanted by the time the process is proven gone.
Event Life::Conclude(TimePoint now) {
  const Verdict& verdict = *run_->verdict;
  if (verdict.expected) return {EventKind::kEnded, {}};
  if (!wanted_) return {EventKind::kCrashed, "stopped; it ended with: " + verdict.exit.reason};
  if (verdict.permanent) return {EventKind::kBroken, verdict.exit.reason};
  const auto delay = policy_.OnFailure(now, run_->good_run);
  if (!delay) {
    return {EventKind::kCrashedTooOften,
            std::to_string(policy_.FailuresInWindow(now)) + " failures within " +
                FormatDuration(model_.restart.give_up_window) + ", the last: " + verdict.exit.reason +
                "; `berth start " + model_.name + "` tries again"};
  }
  start_again_at_ = now + *delay;
  hands_.BacksOff(*delay);
  const auto shown = std::chrono::round<std::chrono::milliseconds>(*delay);
  return {EventKind::kCrashed, "restarts after " + FormatDuration(shown) + ": " + verdict.exit.reason};
}

}  // namespace berth::launch
