#include "supervisor/launch/step.h"

#include <gtest/gtest.h>

#include <vector>

namespace berth::launch {
namespace {

using S = State;
using E = EventKind;

constexpr S kAllStates[] = {S::kStopped,  S::kWaiting, S::kStarting, S::kLoading, S::kReady,      S::kDraining,
                            S::kStopping, S::kStuck,   S::kFailed,   S::kBackoff, S::kQuarantined};
constexpr E kAllEvents[] = {E::kStart,   E::kStop,       E::kRestart,   E::kGranted,  E::kBackoffOver, E::kHello,
                            E::kLoading, E::kReady,      E::kDrained,   E::kFailed,   E::kMisbehaved,  E::kOutOfTime,
                            E::kUnreaped, E::kReaped, E::kEnded,     E::kCrashed,   E::kCrashedTooOften, E::kBroken};

bool HasProcess(S state) {
  return state == S::kStarting || state == S::kLoading || state == S::kReady || state == S::kDraining ||
         state == S::kStopping || state == S::kStuck;
}

struct Case {
  S from;
  bool wanted;
  E event;
  S to;
  bool wanted_after;
  unsigned actions;
};

TEST(Step, EveryDecisionOfAPlainLife) {
  const std::vector<Case> cases = {
      {S::kStopped, false, E::kStart, S::kWaiting, true, kForgive},
      {S::kWaiting, true, E::kGranted, S::kStarting, true, kSpawn},
      {S::kStarting, true, E::kHello, S::kLoading, true, 0},
      {S::kLoading, true, E::kLoading, S::kLoading, true, 0},
      {S::kLoading, true, E::kReady, S::kReady, true, kOpen},
      {S::kReady, true, E::kStop, S::kDraining, false, kClose | kAskToEnd},
      {S::kDraining, false, E::kDrained, S::kStopping, false, kClose | kAwaitEnd},
      {S::kStopping, false, E::kEnded, S::kStopped, false, kDiscard | kRelease},
      // it may exit without a word
      {S::kDraining, false, E::kEnded, S::kStopped, false, kDiscard | kRelease},
  };
  for (const Case& c : cases) {
    const Transition next = Step({c.from, c.wanted}, {c.event, {}});
    EXPECT_EQ(next.state, c.to) << Name(c.from) << " + " << Name(c.event);
    EXPECT_EQ(next.wanted, c.wanted_after) << Name(c.from) << " + " << Name(c.event);
    EXPECT_EQ(next.actions, c.actions) << Name(c.from) << " + " << Name(c.event);
    EXPECT_FALSE(next.breach);
  }
}

TEST(Step, EveryDecisionOfALifeThatGoesWrong) {
  const std::vector<Case> cases = {
      {S::kReady, true, E::kCrashed, S::kBackoff, true, kDiscard},
      {S::kLoading, true, E::kCrashed, S::kBackoff, true, kDiscard},
      {S::kStarting, true, E::kBroken, S::kFailed, true, kDiscard | kRelease},
      {S::kReady, true, E::kCrashedTooOften, S::kQuarantined, true, kDiscard | kRelease},
      {S::kBackoff, true, E::kBackoffOver, S::kWaiting, true, 0},
      {S::kReady, true, E::kMisbehaved, S::kStopping, true, kClose | kKill},
      {S::kLoading, true, E::kFailed, S::kStopping, true, kClose | kAwaitEnd},
      {S::kStopping, true, E::kOutOfTime, S::kStopping, true, kClose | kKill},
      {S::kDraining, false, E::kOutOfTime, S::kStopping, false, kClose | kKill},
      {S::kStopping, true, E::kUnreaped, S::kStuck, true, kYield},
      {S::kStuck, true, E::kCrashed, S::kBackoff, true, kDiscard},
      // an operator stopped it before it died: nothing starts again
      {S::kStopping, false, E::kCrashed, S::kStopped, false, kDiscard | kRelease},
      {S::kDraining, false, E::kBroken, S::kStopped, false, kDiscard | kRelease},
  };
  for (const Case& c : cases) {
    const Transition next = Step({c.from, c.wanted}, {c.event, {}});
    EXPECT_EQ(next.state, c.to) << Name(c.from) << " + " << Name(c.event);
    EXPECT_EQ(next.wanted, c.wanted_after) << Name(c.from) << " + " << Name(c.event);
    EXPECT_EQ(next.actions, c.actions) << Name(c.from) << " + " << Name(c.event);
  }
}

TEST(Step, OperatorsVerbsInEveryState) {
  struct Row {
    S from, after_start, after_stop, after_restart;
  };
  const std::vector<Row> rows = {
      {S::kStopped, S::kWaiting, S::kStopped, S::kWaiting},
      {S::kWaiting, S::kWaiting, S::kStopped, S::kWaiting},
      {S::kStarting, S::kStarting, S::kStopping, S::kStopping},
      {S::kLoading, S::kLoading, S::kStopping, S::kStopping},
      {S::kReady, S::kReady, S::kDraining, S::kDraining},
      {S::kDraining, S::kDraining, S::kDraining, S::kDraining},
      {S::kStopping, S::kStopping, S::kStopping, S::kStopping},
      {S::kStuck, S::kStuck, S::kStuck, S::kStuck},
      {S::kFailed, S::kWaiting, S::kStopped, S::kWaiting},
      {S::kBackoff, S::kWaiting, S::kStopped, S::kWaiting},
      {S::kQuarantined, S::kWaiting, S::kStopped, S::kWaiting},
  };
  for (const Row& row : rows) {
    for (const bool wanted : {false, true}) {
      const Transition start = Step({row.from, wanted}, {E::kStart, {}});
      const Transition stop = Step({row.from, wanted}, {E::kStop, {}});
      const Transition restart = Step({row.from, wanted}, {E::kRestart, {}});
      EXPECT_EQ(start.state, row.after_start) << Name(row.from);
      EXPECT_EQ(stop.state, row.after_stop) << Name(row.from);
      EXPECT_EQ(restart.state, row.after_restart) << Name(row.from);
      EXPECT_TRUE(start.wanted && !stop.wanted && restart.wanted) << Name(row.from);
    }
  }
}

TEST(Step, StartWhileItDrainsBringsItBackOnceItHasEnded) {
  ReplicaView view{S::kDraining, false};
  view.wanted = Step(view, {E::kStart, {}}).wanted;
  const Transition next = Step(view, {E::kEnded, {}});
  EXPECT_EQ(next.state, S::kWaiting);
  EXPECT_TRUE(next.wanted);
}

TEST(Step, MessagesOutOfPlaceAreBreaches) {
  const std::vector<std::pair<S, E>> breaches = {
      {S::kStarting, E::kReady},  {S::kStarting, E::kLoading}, {S::kStarting, E::kDrained}, {S::kLoading, E::kHello},
      {S::kLoading, E::kDrained}, {S::kReady, E::kHello},      {S::kReady, E::kReady},      {S::kReady, E::kLoading},
      {S::kReady, E::kDrained},   {S::kDraining, E::kHello},   {S::kDraining, E::kReady},
  };
  for (const auto& [state, event] : breaches) {
    const Transition next = Step({state, true}, {event, {}});
    EXPECT_TRUE(next.breach) << Name(state) << " + " << Name(event);
    EXPECT_EQ(next.state, S::kStopping);
    EXPECT_EQ(next.actions, static_cast<unsigned>(kClose | kKill));
    EXPECT_NE(next.reason.find(std::string(Name(event))), std::string::npos) << next.reason;
  }
}

// Properties of the whole table.
TEST(Step, SpawnsOnlyWithoutAProcessAndReleasesOnlyWhatDoesNotComeBack) {
  for (const S state : kAllStates) {
    for (const E event : kAllEvents) {
      for (const bool wanted : {false, true}) {
        const Transition next = Step({state, wanted}, {event, {}});
        const bool end = event >= E::kEnded;
        SCOPED_TRACE(std::string(Name(state)) + " + " + std::string(Name(event)));
        EXPECT_EQ((next.actions & kSpawn) != 0, state == S::kWaiting && event == E::kGranted);
        EXPECT_EQ((next.actions & kDiscard) != 0, end && HasProcess(state));
        const bool rests = next.state == S::kStopped || next.state == S::kFailed || next.state == S::kQuarantined;
        EXPECT_EQ((next.actions & kRelease) != 0, rests && next.state != state) << "a place belongs to who comes back";
        EXPECT_EQ((next.actions & kOpen) != 0, next.state == S::kReady && state != S::kReady);
        if (HasProcess(state) && !end) {
          EXPECT_TRUE(HasProcess(next.state)) << "a process was forgotten";
        }
        if (state == S::kReady && next.state != S::kReady && !end) {
          EXPECT_TRUE(next.actions & kClose);
        }
        if (!wanted && event != E::kStart && event != E::kRestart && next.state != state) {
          EXPECT_NE(next.state, S::kBackoff);
          EXPECT_NE(next.state, S::kQuarantined);
        }
      }
    }
  }
}

TEST(Step, EveryChangeHasAReason) {
  for (const S state : kAllStates) {
    for (const E event : kAllEvents) {
      const Transition next = Step({state, true}, {event, {}});
      EXPECT_TRUE(next.state == state || !next.reason.empty()) << Name(state) << " + " << Name(event);
    }
  }
}

}  // namespace
}  // namespace berth::launch
