// The other half of Replica: what its worker says, and how it ends.
#include <algorithm>

#include "supervisor/base/log.h"
#include "supervisor/launch/replica.h"
#include "supervisor/launch/worker_stats.h"

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

void Replica::On(const protocol::FromWorker& message) {
  if (!run_) return;
  if (const auto* hello = std::get_if<protocol::HelloMessage>(&message)) OnHello(*hello);
  if (const auto* loading = std::get_if<protocol::LoadingMessage>(&message)) OnLoading(*loading);
  if (const auto* ready = std::get_if<protocol::ReadyMessage>(&message)) OnReady(*ready);
  if (const auto* beat = std::get_if<protocol::BeatMessage>(&message)) OnBeat(*beat);
  if (std::holds_alternative<protocol::DrainedMessage>(message)) Apply({EventKind::kDrained, {}});
  if (const auto* failed = std::get_if<protocol::FailedMessage>(&message)) {
    if (!run_->killed) run_->last_word = *failed;
    Apply({EventKind::kFailed, failed->reason});
  }
}

void Replica::EndStage(const std::string& stage, TimePoint now) {
  metrics_.LoadStage(stage, Since(run_->stage_since, now));
  run_->stage_since = now;
}

void Replica::OnHello(const protocol::HelloMessage& hello) {
  if (hello.protocol != protocol::kProtocolVersion) {
    return Misbehaved(ExitCause::kProtocol,
                      "speaks protocol " + std::to_string(hello.protocol) + ", this daemon speaks " +
                          std::to_string(protocol::kProtocolVersion) + "; install berthd and berth-worker together");
  }
  const TimePoint now = Clock::now();
  EndStage("spawn", now);
  run_->vitals.OnLoading("", 0, now);
  metrics_.Hello(run_->process->pid(), hello.build);
  Apply({EventKind::kHello, {}});
}

void Replica::OnLoading(const protocol::LoadingMessage& loading) {
  const TimePoint now = Clock::now();
  if (loading.stage != run_->vitals.stage()) EndStage(run_->vitals.stage(), now);
  run_->vitals.OnLoading(loading.stage, loading.fraction, now);
  std::string reason = LoadingReason(loading.stage, run_->vitals.fraction());
  if (state_ == State::kLoading) return SetReason(std::move(reason));
  Apply({EventKind::kLoading, std::move(reason)});
}

void Replica::OnReady(const protocol::ReadyMessage& ready) {
  const TimePoint now = Clock::now();
  const Bytes budget = assignment_.memory;
  if (state_ == State::kLoading && ready.memory.rss_anon > budget.count) {
    return Misbehaved(ExitCause::kOverBudget, "holds " + FormatBytes({ready.memory.rss_anon}) +
                                                  " of private memory after its warm-up, its budget is " +
                                                  FormatBytes(budget) + "; raise its memory");
  }
  EndStage(run_->vitals.stage(), now);
  run_->vitals.OnReady(now);
  run_->ready = ready;
  run_->memory = ready.memory;
  Apply({EventKind::kReady, {}});
}

void Replica::OnBeat(const protocol::BeatMessage& beat) {
  if (state_ == State::kStarting) return Misbehaved(ExitCause::kProtocol, "sent \"beat\" before \"hello\"");
  run_->vitals.OnBeat(beat.steps, Clock::now());
  run_->memory = beat.memory;
  metrics_.Beat(beat);
}

void Replica::Misbehaved(ExitCause cause, std::string reason) {
  if (!run_) return;
  if (!run_->killed) run_->killed = Killed{cause, reason};
  Apply({EventKind::kMisbehaved, std::move(reason)});
}

// ---- its end

EndFacts Replica::Facts(WaitStatus status) const {
  EndFacts facts;
  facts.status = status;
  facts.killed = run_->killed;
  facts.failed = run_->last_word;
  facts.asked_to_end = run_->asked_to_end;
  facts.was_ready = run_->ready_since.has_value();
  facts.oom_killer_ran = OomKills() > run_->oom_kills_before;
  facts.near_memory_limit =
      run_->data_limit > 0 &&
      static_cast<double>(run_->memory.vm_data) >= kNearLimit * static_cast<double>(run_->data_limit);
  return facts;
}

void Replica::OnEnd(WaitStatus status) {
  const TimePoint now = Clock::now();
  const Verdict verdict = JudgeExit(Facts(status));
  const Duration good_run = run_->ready_since ? Since(*run_->ready_since, now) : Duration::zero();
  if (!run_->ready_since && !verdict.expected) metrics_.LoadEnded(false);
  metrics_.Exited(verdict.exit.cause);
  yard_.logs.EndRun(model_.name, assignment_.replica);
  const Event event = Conclude(verdict, good_run);
  Apply(event);
}

Event Replica::Conclude(const Verdict& verdict, Duration good_run) {
  const TimePoint now = Clock::now();
  last_exit_ = verdict.exit;
  last_exit_->time = TimestampNow();
  last_run_failed_ = !verdict.expected;
  yard_.events.Add("exit", model_.name, assignment_.replica,
                   std::string(Name(verdict.exit.cause)) + ": " + verdict.exit.reason);
  if (verdict.expected) return {EventKind::kEnded, {}};
  if (!wanted_) return {EventKind::kCrashed, "stopped; it ended with: " + verdict.exit.reason};
  if (verdict.permanent) return {EventKind::kBroken, verdict.exit.reason};
  const auto delay = policy_.OnFailure(now, good_run);
  if (!delay) {
    return {EventKind::kCrashedTooOften,
            std::to_string(policy_.FailuresInWindow(now)) + " failures within " +
                FormatDuration(model_.restart.give_up_window) + ", the last: " + verdict.exit.reason +
                "; `berth start " + model_.name + "` tries again"};
  }
  start_again_at_ = now + *delay;
  metrics_.Backoff(*delay);
  const auto shown = std::chrono::round<std::chrono::milliseconds>(*delay);
  return {EventKind::kCrashed, "restarts after " + FormatDuration(shown) + ": " + verdict.exit.reason};
}

}  // namespace berth::launch
