#include "supervisor/launch/exit_cause.h"

#include <csignal>
#include <cstring>

#include "supervisor/base/exit_code.h"

namespace berth::launch {
namespace {

std::string Kernel(const WaitStatus& status) {
  if (status.signal == 0) return "exit code " + std::to_string(status.code);
  const char* name = sigabbrev_np(status.signal);
  std::string text = "signal " + std::to_string(status.signal);
  return name == nullptr ? text : text + " (SIG" + name + ")";
}

bool Is(const EndFacts& facts, WorkerExit exit) {
  return facts.status.signal == 0 && facts.status.code == Code(exit);
}

// The cause that the exit code stands for, without regard to what was said before.
ExitCause CauseOfCode(const EndFacts& facts) {
  if (Is(facts, WorkerExit::kOutOfMemory)) return ExitCause::kOverBudget;
  if (Is(facts, WorkerExit::kDeviceError)) return ExitCause::kDeviceError;
  if (facts.near_memory_limit) return ExitCause::kOverBudget;
  if (Is(facts, WorkerExit::kBadModel) || Is(facts, WorkerExit::kTryAgain)) return ExitCause::kLoadFailed;
  return facts.was_ready ? ExitCause::kExit : ExitCause::kLoadFailed;  // P5: dead before ready is a failed load
}

std::string ReasonOfCode(const EndFacts& facts, ExitCause cause) {
  std::string when = facts.was_ready ? "" : " before it was ready";
  if (cause == ExitCause::kOverBudget) return "ran out of its memory budget" + when + ", " + Kernel(facts.status);
  if (cause == ExitCause::kDeviceError) return "its device failed, " + Kernel(facts.status);
  return "ended by itself" + when + ", " + Kernel(facts.status);
}

ExitCause CauseOfSignal(const EndFacts& facts) {
  if (facts.status.signal == SIGKILL && facts.status.at_cgroup_limit) return ExitCause::kOverBudget;
  if (facts.status.signal == SIGKILL && facts.oom_killer_ran) return ExitCause::kOomKill;
  return facts.near_memory_limit ? ExitCause::kOverBudget : ExitCause::kSignal;
}

std::string ReasonOfSignal(const EndFacts& facts, ExitCause cause) {
  if (cause == ExitCause::kOverBudget && facts.status.at_cgroup_limit) return "killed by the kernel at the limit of its own cgroup, memory.max";
  if (cause == ExitCause::kOomKill) return "killed by the kernel: the host or its cgroup ran out of memory";
  if (cause == ExitCause::kOverBudget) return "killed by " + Kernel(facts.status) + " at its memory limit";
  return "killed by " + Kernel(facts.status) + (facts.was_ready ? "" : " before it was ready");
}

}  // namespace

Verdict JudgeExit(const EndFacts& facts) {
  Verdict verdict;
  ExitStatus& exit = verdict.exit;
  exit.code = facts.status.code;
  exit.signal = facts.status.signal;
  if (facts.failed) {  // the worker's last word beats its exit code
    exit.cause = facts.status.signal == 0 ? CauseOfCode(facts)
                 : facts.was_ready        ? ExitCause::kExit
                                          : ExitCause::kLoadFailed;
    exit.reason = facts.failed->reason;
    verdict.permanent = facts.failed->permanent;
  } else if (facts.killed) {
    // A process that meets its limit may hang in its allocator instead of ending.
    const bool full = facts.killed->cause == ExitCause::kHung && facts.near_memory_limit;
    exit.cause = full ? ExitCause::kOverBudget : facts.killed->cause;
    exit.reason = facts.killed->reason + (full ? ", at its memory limit" : "");
    verdict.expected = exit.cause == ExitCause::kRequested;
  } else if (facts.status.signal != 0) {
    exit.cause = CauseOfSignal(facts);
    exit.reason = ReasonOfSignal(facts, exit.cause);
  } else if (facts.asked_to_end && facts.status.code == 0) {
    exit.cause = ExitCause::kRequested;
    exit.reason = "stopped as asked";
    verdict.expected = true;
  } else {
    exit.cause = CauseOfCode(facts);
    exit.reason = ReasonOfCode(facts, exit.cause);
    verdict.permanent = Is(facts, WorkerExit::kBadModel) || Is(facts, WorkerExit::kBadOptions);
  }
  return verdict;
}

}  // namespace berth::launch
