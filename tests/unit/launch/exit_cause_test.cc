#include "supervisor/launch/exit_cause.h"

#include <gtest/gtest.h>

#include <csignal>

namespace berth::launch {
namespace {

struct Case {
  const char* story;
  void (*facts)(EndFacts&);
  ExitCause cause;
  bool expected;
  bool permanent;
  const char* says;
};

constexpr Case kStories[] = {
    {"exit 0 as asked", [](EndFacts& f) { f.was_ready = f.asked_to_end = true; }, ExitCause::kRequested, true, false,
     "as asked"},
    {"exit 0 unasked", [](EndFacts& f) { f.was_ready = true; }, ExitCause::kExit, false, false, "exit code 0"},
    {"exit 0 before ready", [](EndFacts&) {}, ExitCause::kLoadFailed, false, false, "before it was ready"},
    {"exit 1 while draining", [](EndFacts& f) { f.was_ready = f.asked_to_end = true; f.status.code = 1; },
     ExitCause::kExit, false, false, "exit code 1"},
    {"bad model", [](EndFacts& f) { f.status.code = 65; }, ExitCause::kLoadFailed, false, true, "exit code 65"},
    {"bad options", [](EndFacts& f) { f.status.code = 64; }, ExitCause::kLoadFailed, false, true, "exit code 64"},
    {"internal error in service", [](EndFacts& f) { f.status.code = 70; f.was_ready = true; }, ExitCause::kExit,
     false, false, "exit code 70"},
    {"out of memory", [](EndFacts& f) { f.status.code = 71; f.was_ready = true; }, ExitCause::kOverBudget, false,
     false, "memory budget"},
    {"device error", [](EndFacts& f) { f.status.code = 72; f.was_ready = true; }, ExitCause::kDeviceError, false,
     false, "device"},
    {"try again", [](EndFacts& f) { f.status.code = 75; }, ExitCause::kLoadFailed, false, false, "exit code 75"},
    {"segfault", [](EndFacts& f) { f.status.signal = SIGSEGV; f.was_ready = true; }, ExitCause::kSignal, false, false,
     "SIGSEGV"},
    {"somebody's SIGKILL", [](EndFacts& f) { f.status.signal = SIGKILL; f.was_ready = true; }, ExitCause::kSignal,
     false, false, "SIGKILL"},
    {"OOM killer", [](EndFacts& f) { f.status.signal = SIGKILL; f.oom_killer_ran = true; }, ExitCause::kOomKill, false,
     false, "out of memory"},
    {"segfault while the OOM killer ran elsewhere",
     [](EndFacts& f) { f.status.signal = SIGSEGV; f.oom_killer_ran = true; }, ExitCause::kSignal, false, false,
     "SIGSEGV"},
    {"OOM killer at the limit of its own cgroup",
     [](EndFacts& f) { f.status = {0, SIGKILL, 0, true}; f.was_ready = f.oom_killer_ran = true; },
     ExitCause::kOverBudget, false, false, "memory.max"},
    {"segfault while its own cgroup was full", [](EndFacts& f) { f.status = {0, SIGSEGV, 0, true}; f.was_ready = true; },
     ExitCause::kSignal, false, false, "SIGSEGV"},
    {"out of memory for good while loading",
     [](EndFacts& f) { f.status.code = 71; f.failed = protocol::FailedMessage{"the warm-up needs 3 GiB", true}; },
     ExitCause::kOverBudget, false, true, "needs 3 GiB"},
    {"abort at the memory limit", [](EndFacts& f) { f.status.signal = SIGABRT; f.near_memory_limit = true; },
     ExitCause::kOverBudget, false, false, "memory limit"},
    {"killed for hanging",
     [](EndFacts& f) { f.status.signal = SIGKILL; f.killed = Killed{ExitCause::kHung, "no step"}; }, ExitCause::kHung,
     false, false, "no step"},
    {"killed as asked",
     [](EndFacts& f) { f.status.signal = SIGKILL; f.killed = Killed{ExitCause::kRequested, "grace over"}; },
     ExitCause::kRequested, true, false, "grace over"},
    {"killed for hanging while the OOM killer ran",
     [](EndFacts& f) {
       f.status.signal = SIGKILL;
       f.oom_killer_ran = true;
       f.killed = Killed{ExitCause::kHung, "no step"};
     },
     ExitCause::kHung, false, false, "no step"},
    {"killed for hanging at its memory limit",
     [](EndFacts& f) {
       f.status.signal = SIGKILL;
       f.near_memory_limit = true;
       f.killed = Killed{ExitCause::kHung, "no step"};
     },
     ExitCause::kOverBudget, false, false, "no step, at its memory limit"},
    {"killed as asked at its memory limit",
     [](EndFacts& f) {
       f.status.signal = SIGKILL;
       f.near_memory_limit = true;
       f.killed = Killed{ExitCause::kRequested, "grace over"};
     },
     ExitCause::kRequested, true, false, "grace over"},
    {"a last word beats the exit code",
     [](EndFacts& f) { f.status.code = 1; f.failed = protocol::FailedMessage{"config.json: no such file", true}; },
     ExitCause::kLoadFailed, false, true, "config.json"},
    {"a last word that is not permanent beats exit 65",
     [](EndFacts& f) { f.status.code = 65; f.failed = protocol::FailedMessage{"disk is busy", false}; },
     ExitCause::kLoadFailed, false, false, "disk is busy"},
    {"a last word of memory",
     [](EndFacts& f) { f.status.code = 71; f.failed = protocol::FailedMessage{"needs 3 GiB", false}; },
     ExitCause::kOverBudget, false, false, "needs 3 GiB"},
};

TEST(JudgeExit, EveryStory) {
  for (const Case& c : kStories) {
    EndFacts facts;
    c.facts(facts);
    const Verdict verdict = JudgeExit(facts);
    EXPECT_EQ(verdict.exit.cause, c.cause) << c.story << ": " << Name(verdict.exit.cause);
    EXPECT_EQ(verdict.expected, c.expected) << c.story;
    EXPECT_EQ(verdict.permanent, c.permanent) << c.story;
    EXPECT_NE(verdict.exit.reason.find(c.says), std::string::npos) << c.story << ": " << verdict.exit.reason;
  }
}

}  // namespace
}  // namespace berth::launch
