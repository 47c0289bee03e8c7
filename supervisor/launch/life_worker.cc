// The other half of Life: what its worker says, and how it ends.
#include <algorithm>

#include "supervisor/launch/life.h"

namespace berth::launch {
namespace {

// VmData above this share of RLIMIT_DATA: an abnormal end is a matter of memory.
constexpr double kNearLimit = 0.95;
// So is one of a process whose resident memory grew by this share of what RLIMIT_DATA left it: it may grow too fast
// for the last beat to tell.
constexpr double kNearGrowth = 0.9;

// A ready worker that holds more than its budget and an eighth of it, at three looks in a row, about a second apart, is
// ended: less may be the heap's, which is not always as tidy as the count.
constexpr std::uint64_t kOverShare = 8;
constexpr int kOverLooks = 3;

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
  run_->vitals.OnHello(now);
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
  if (state_ == State::kLoading && hands_.BudgetIsHostMemory() && ready.memory.rss_anon > budget.count) {
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

// Ring 2 leaves a slack that is much for a small budget, and knows nothing of memory that was there before it; this
// sees both, and a worker that reports less than it holds.
void Life::OnPrivateMemory(Bytes held, TimePoint now) {
  const Bytes budget = assignment_.memory;
  const bool above = state_ == State::kReady && held > budget + Bytes{budget.count / kOverShare};
  if (!run_ || !above) {
    if (run_) run_->looks_above_budget = 0;
    return;
  }
  if (++run_->looks_above_budget < kOverLooks) return;
  Misbehaved(ExitCause::kOverBudget,
             "holds " + FormatBytes(held) + " of private memory, its budget is " + FormatBytes(budget) +
                 "; raise its memory, or lower batching.max_tokens",
             now);
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
  facts.near_memory_limit = NearDataLimit(status);
  return facts;
}

bool Life::NearDataLimit(const WaitStatus& status) const {
  const std::uint64_t limit = run_->data_limit;
  if (limit == 0) return false;
  if (static_cast<double>(run_->memory.vm_data) >= kNearLimit * static_cast<double>(limit)) return true;
  const protocol::MemoryReport& ready = run_->ready.memory;
  if (limit <= ready.vm_data || status.peak_resident <= ready.peak_rss) return false;
  return static_cast<double>(status.peak_resident - ready.peak_rss) >=
         kNearGrowth * static_cast<double>(limit - ready.vm_data);
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
  Apply({EventKind::kReaped, "ended; waits until " + JoinDevices(assignment_) + " has let go of its memory"}, now);
}

// What comes of an end depends on what is wanted by the time the process is proven gone.
Event Life::Conclude(TimePoint now) {
  const Verdict& verdict = *run_->verdict;
  if (verdict.expected) return {EventKind::kEnded, {}};
  if (!wanted_) return {EventKind::kCrashed, "stopped; it ended with: " + verdict.exit.reason};
  if (verdict.permanent) return {EventKind::kBroken, verdict.exit.reason};
  const bool of_memory = verdict.exit.cause == ExitCause::kOverBudget || verdict.exit.cause == ExitCause::kOomKill;
  const auto delay = policy_.OnFailure(now, run_->good_run, of_memory);
  if (!delay && policy_.never_fits()) {
    return {EventKind::kCrashedTooOften,
            "ran out of memory " + std::to_string(RestartPolicy::kMemoryFailures) + " times without a good run between, the last: " + verdict.exit.reason +
                (verdict.exit.cause == ExitCause::kOomKill ? "; free memory on the host, or lower what the plan reserves"
                                                           : "; raise its memory") +
                ", then `berth start " + model_.name + "` tries again"};
  }
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
