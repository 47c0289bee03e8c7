#include "supervisor/launch/life.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/unit/launch/fake_hands.h"

namespace berth::launch {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr WaitStatus kCrash{0, SIGSEGV};
constexpr WaitStatus kKilled{0, SIGKILL};
constexpr WaitStatus kExit{0, 0};

class LifeTest : public testing::Test {
 protected:
  Lives lives_{{{"bge"}, {"chat"}}};
  Life& bge_ = lives_.life("bge");
  FakeHands& hands_ = lives_.hands("bge");

  Bytes Reserved() { return lives_.schedule().ledger().Reserved("cpu"); }
  std::string Loading() { return lives_.schedule().slots().Holder("cpu"); }
};

TEST_F(LifeTest, APlainLifeSaysAndDoesEachThingOnce) {
  ASSERT_TRUE(lives_.schedule().Start("bge", lives_.now()));
  EXPECT_EQ(bge_.state(), State::kWaiting) << "before anybody looks";
  lives_.Look();
  EXPECT_EQ(Loading(), "bge/0");
  lives_.Hello("bge");
  lives_.Ready("bge");
  EXPECT_THAT(hands_.Did(), ElementsAre("spawn", "loaded", "open"));
  EXPECT_EQ(Loading(), "");
  ASSERT_TRUE(lives_.schedule().Stop("bge", lives_.now()));
  EXPECT_THAT(hands_.Did(), ElementsAre("close", "ask to end within 20s"));
  bge_.On(protocol::DrainedMessage{}, lives_.now());
  lives_.End("bge", kExit);
  EXPECT_THAT(hands_.Did(), ElementsAre("exited: requested", "reaped"));
  EXPECT_EQ(bge_.state(), State::kStopped);
  EXPECT_EQ(Reserved(), Bytes{});
}

TEST_F(LifeTest, MemoryThatOutlivesItsProcessStaysReservedUntilItIsGone) {
  lives_.Serve("bge");
  hands_.gone = false;
  lives_.End("bge", kCrash);
  EXPECT_THAT(hands_.Did(), ElementsAre("exited: signal", "reaped")) << "what was outstanding there is lost";
  EXPECT_EQ(bge_.state(), State::kStopping);
  EXPECT_THAT(bge_.reason(), HasSubstr("until cpu has let go"));
  EXPECT_LE(bge_.NextLook(lives_.now()), lives_.now() + 100ms) << "nobody announces it";
  lives_.Pass(Life::kGoneLimit - 100ms);
  EXPECT_EQ(bge_.state(), State::kStopping);
  lives_.Pass(100ms);
  EXPECT_EQ(bge_.state(), State::kStuck);
  EXPECT_THAT(bge_.reason(), HasSubstr("cpu still holds its memory"));
  EXPECT_EQ(Reserved(), GiB(1));
  EXPECT_LE(bge_.NextLook(lives_.now()), lives_.now() + 100ms);
  lives_.Pass(10min);
  EXPECT_EQ(Reserved(), GiB(1)) << "nobody knows that it is gone";
  hands_.gone = true;
  lives_.Pass(100ms);
  EXPECT_EQ(bge_.state(), State::kBackoff) << "it crashed, and is wanted";
  EXPECT_EQ(Reserved(), GiB(1)) << "it keeps its place";
  EXPECT_EQ(bge_.failures_in_window(lives_.now()), 1);
  EXPECT_THAT(hands_.Did(), IsEmpty()) << "there is nobody to kill, and nothing to say twice";
}

TEST_F(LifeTest, WhatIsAskedForWhileMemoryLingersIsDoneOnceItIsGone) {
  struct Case {
    Duration verb_after;  // above the limit: it is stuck then
    bool stop;
    State next;
  };
  for (const Case& c : {Case{1s, true, State::kStopped}, Case{1s, false, State::kStarting},
                        Case{11s, true, State::kStopped}, Case{11s, false, State::kStarting}}) {
    Lives lives({{"bge"}});
    Life& bge = lives.life("bge");
    lives.Serve("bge");
    lives.hands("bge").gone = false;
    if (c.stop) {
      lives.End("bge", kCrash);
    } else {  // it was stopped, and somebody thinks better of it
      ASSERT_TRUE(lives.schedule().Stop("bge", lives.now()));
      lives.End("bge", kExit);
    }
    lives.hands("bge").did.clear();
    lives.Pass(c.verb_after);
    ASSERT_TRUE(c.stop ? lives.schedule().Stop("bge", lives.now()) : lives.schedule().Restart("bge", lives.now()));
    EXPECT_TRUE(bge.state() == State::kStopping || bge.state() == State::kStuck) << Name(bge.state());
    EXPECT_EQ(bge.wanted(), !c.stop);
    EXPECT_THAT(lives.hands("bge").Did(), IsEmpty()) << "there is no process any more";
    lives.hands("bge").gone = true;
    lives.Pass(100ms);
    EXPECT_EQ(bge.state(), c.next) << FormatDuration(c.verb_after) << ": " << bge.reason();
  }
}

TEST_F(LifeTest, WhatADeviceObjectsToWaitsWithThatReasonAndHoldsNothingUntilItIsOver) {
  hands_.objection = "pid 4711 (python3) with 59 GiB is in the way";
  ASSERT_TRUE(lives_.schedule().Start("bge", lives_.now()));
  lives_.Look();
  EXPECT_EQ(bge_.state(), State::kWaiting);
  EXPECT_EQ(bge_.reason(), hands_.objection);
  EXPECT_TRUE(bge_.hopeless()) << "later waves go on without it";
  EXPECT_EQ(Reserved(), Bytes{});
  EXPECT_EQ(Loading(), "");
  EXPECT_LE(bge_.NextLook(lives_.now()), lives_.now() + 5s) << "nobody announces that it is over";
  hands_.objection.clear();
  lives_.Look();
  EXPECT_THAT(hands_.Did(), ElementsAre("spawn"));
}

TEST_F(LifeTest, AKilledProcessThatIsNotReapedIsStuckAndReleasedWhenItIs) {
  ASSERT_TRUE(lives_.schedule().Start("bge", lives_.now()));
  lives_.Look();
  ASSERT_TRUE(lives_.schedule().Stop("bge", lives_.now()));
  EXPECT_THAT(hands_.Did(), ElementsAre("spawn", "kill"));
  lives_.Pass(Life::kGoneLimit);
  EXPECT_EQ(bge_.state(), State::kStuck);
  EXPECT_EQ(Loading(), "") << "what is stuck loads nothing";
  EXPECT_EQ(Reserved(), GiB(1));
  lives_.End("bge", kKilled);
  EXPECT_THAT(hands_.Did(), ElementsAre("exited: requested", "reaped"));
  EXPECT_EQ(bge_.state(), State::kStopped);
  EXPECT_EQ(Reserved(), Bytes{});
}

TEST_F(LifeTest, AWorkerThatHoldsMoreThanItsBudgetLookAfterLookIsEndedAsOverBudget) {
  lives_.Serve("bge");
  const Bytes margin = GiB(1) + MiB(128);
  for (int i = 0; i < 10; ++i) bge_.OnPrivateMemory(margin, lives_.now());
  EXPECT_THAT(hands_.Did(), IsEmpty()) << "an eighth above it is the heap's";
  for (const Bytes held : {margin + KiB(1), margin + KiB(1), margin, margin + KiB(1), margin + KiB(1)}) {
    bge_.OnPrivateMemory(held, lives_.now());
  }
  EXPECT_THAT(hands_.Did(), IsEmpty()) << "never three looks in a row";
  bge_.OnPrivateMemory(GiB(2), lives_.now());
  EXPECT_THAT(hands_.Did(), ElementsAre("close", "kill"));
  lives_.End("bge", kKilled);
  EXPECT_THAT(hands_.Did(), ElementsAre("exited: over_budget", "reaped"));
  EXPECT_THAT(bge_.reason(), HasSubstr("holds 2 GiB of private memory, its budget is 1 GiB"));
}

// S11: every load of it takes longer than the window in which failures are counted.
TEST_F(LifeTest, AModelThatRanOutOfMemoryThreeTimesIsNotTriedAgainUntilSomebodySaysSo) {
  ASSERT_TRUE(lives_.schedule().Start("bge", lives_.now()));
  constexpr WaitStatus kOutOfMemory{71, 0};
  for (int i = 0; i < RestartPolicy::kMemoryFailures; ++i) {
    lives_.Look();
    ASSERT_EQ(bge_.state(), State::kStarting) << i;
    lives_.Hello("bge");
    for (int step = 1; step <= 12; ++step) {
      bge_.On(protocol::LoadingMessage{"weights", 0.05 * step}, lives_.now());
      lives_.Pass(55s);
    }
    lives_.End("bge", kOutOfMemory);
    lives_.Look();
    EXPECT_LE(bge_.failures_in_window(lives_.now()), 1);
    if (i + 1 < RestartPolicy::kMemoryFailures) lives_.Pass(10s);
  }
  EXPECT_EQ(bge_.state(), State::kQuarantined);
  EXPECT_THAT(bge_.reason(), HasSubstr("ran out of memory 3 times without a good run between"));
  EXPECT_THAT(bge_.reason(), HasSubstr("raise its memory"));
  lives_.Pass(10min);
  EXPECT_EQ(bge_.state(), State::kQuarantined);
  ASSERT_TRUE(lives_.schedule().Start("bge", lives_.now()));
  lives_.Look();
  EXPECT_EQ(bge_.state(), State::kStarting);
}

TEST_F(LifeTest, AProcessThatGrewByAllThatItsLimitLeftItAndDiedWasOverItsBudget) {
  struct Case {
    std::uint64_t grown_mib;
    ExitCause cause;
  };
  for (const Case& c : {Case{269, ExitCause::kSignal}, Case{270, ExitCause::kOverBudget}}) {
    Lives lives({{"bge"}});
    ASSERT_TRUE(lives.schedule().Start("bge", lives.now()));
    lives.Look();
    lives.Hello("bge");
    lives.hands("bge").data_limit = MiB(800).count;
    protocol::ReadyMessage ready;
    ready.memory = {MiB(100).count, MiB(500).count, MiB(150).count};  // so 300 MiB are left
    lives.life("bge").On(ready, lives.now());
    lives.hands("bge").did.clear();
    lives.End("bge", {0, SIGABRT, MiB(150 + c.grown_mib).count});
    EXPECT_THAT(lives.hands("bge").Did(), ElementsAre("exited: " + std::string(Name(c.cause)), "reaped"));
  }
}

TEST_F(LifeTest, WhatIsKilledAndReapedAtTheLastMomentHasItsTimeToBeGone) {
  ASSERT_TRUE(lives_.schedule().Start("bge", lives_.now()));
  lives_.Look();
  ASSERT_TRUE(lives_.schedule().Stop("bge", lives_.now()));
  hands_.gone = false;
  lives_.Pass(Life::kGoneLimit - 1s);
  lives_.End("bge", kKilled);
  lives_.Pass(Life::kGoneLimit - 1s);
  EXPECT_EQ(bge_.state(), State::kStopping);
  hands_.gone = true;
  lives_.Pass(100ms);
  EXPECT_EQ(bge_.state(), State::kStopped);
}

TEST_F(LifeTest, AProcessThatCannotBeStartedIsAFailedLoadAndNobodyIsReapedOrKilled) {
  hands_.cannot_spawn = true;
  ASSERT_TRUE(lives_.schedule().Start("bge", lives_.now()));
  lives_.Look();
  EXPECT_THAT(hands_.Did(), ElementsAre("spawn", "load failed", "exited: load_failed"));
  EXPECT_EQ(bge_.state(), State::kBackoff);
  EXPECT_THAT(bge_.reason(), HasSubstr("cannot run it"));
  EXPECT_EQ(Reserved(), GiB(1)) << "it keeps its place";
  EXPECT_EQ(Loading(), "");
  lives_.Pass(10min);
  EXPECT_EQ(bge_.state(), State::kQuarantined);
  EXPECT_EQ(Reserved(), Bytes{}) << "it is given up";
}

TEST_F(LifeTest, AStopBetweenAStartThatFailedAndTheNextLookKillsNobody) {
  hands_.cannot_spawn = true;
  ASSERT_TRUE(lives_.schedule().Start("bge", lives_.now()));
  bge_.Look(lives_.now());
  ASSERT_EQ(bge_.state(), State::kStarting);
  ASSERT_TRUE(lives_.schedule().Stop("bge", lives_.now()));
  EXPECT_THAT(hands_.Did(), ElementsAre("spawn", "load failed", "exited: load_failed"));
  lives_.Look();
  EXPECT_EQ(bge_.state(), State::kStopped);
}

TEST_F(LifeTest, ABackOffIsShownWhileItLastsAndEndsInTime) {
  lives_.Serve("bge");
  lives_.End("bge", kCrash);
  ASSERT_EQ(bge_.state(), State::kBackoff);
  EXPECT_GT(hands_.backoff, 700ms);
  EXPECT_EQ(bge_.NextLook(lives_.now()), lives_.now() + hands_.backoff);
  EXPECT_EQ(bge_.retry_after(lives_.now()), 1s);
  lives_.Pass(1s);
  EXPECT_EQ(bge_.state(), State::kStarting);
  EXPECT_EQ(hands_.backoff, Duration::zero());
}

TEST_F(LifeTest, AStopDuringABackOffEndsWhatIsShownOfIt) {
  lives_.Serve("bge");
  lives_.End("bge", kCrash);
  ASSERT_TRUE(lives_.schedule().Stop("bge", lives_.now()));
  EXPECT_EQ(bge_.state(), State::kStopped);
  EXPECT_EQ(hands_.backoff, Duration::zero());
  EXPECT_EQ(Reserved(), Bytes{});
}

TEST_F(LifeTest, ACrashIsNotClosedButReaped) {
  lives_.Serve("bge");
  lives_.End("bge", kCrash);
  EXPECT_THAT(hands_.Did(), ElementsAre("exited: signal", "reaped"));
}

TEST_F(LifeTest, WhatDoesNotHearTheDrainIsKilledAtOnce) {
  lives_.Serve("bge");
  hands_.hears = false;
  ASSERT_TRUE(lives_.schedule().Stop("bge", lives_.now()));
  lives_.Look();
  EXPECT_THAT(hands_.Did(), ElementsAre("close", "ask to end within 20s", "kill"));
}

TEST_F(LifeTest, WhatDoesNotEndWithinItsGraceIsKilledThen) {
  lives_.Serve("bge");
  ASSERT_TRUE(lives_.schedule().Stop("bge", lives_.now()));
  lives_.Pass(Lives::kGrace - 100ms);
  EXPECT_THAT(hands_.Did(), ElementsAre("close", "ask to end within 20s"));
  EXPECT_EQ(bge_.NextLook(lives_.now()), lives_.now() + 100ms);
  lives_.Pass(100ms);
  EXPECT_THAT(hands_.Did(), ElementsAre("kill"));
}

TEST_F(LifeTest, AMessageAfterTheEndIsHeardByNobody) {
  lives_.Serve("bge");
  hands_.gone = false;
  lives_.End("bge", kCrash);
  const std::string reason = bge_.reason();
  lives_.Hello("bge");
  lives_.Ready("bge");
  bge_.OnBreach("closed its control socket", lives_.now());
  lives_.End("bge", kExit);
  EXPECT_THAT(hands_.Did(), ElementsAre("exited: signal", "reaped"));
  EXPECT_EQ(bge_.reason(), reason);
}

// A life that waits looks when something changed: what may end its waiting has to be said.
TEST_F(LifeTest, AnOperatorsStartOfOneThatWaitsForAnEarlierWaveIsSaid) {
  Lives lives({{"bge", 0}, {"chat", 1, GiB(1), "other"}, {"tts", 2, GiB(1), "other"}});
  lives.schedule().Boot(lives.now());
  lives.Look();
  ASSERT_EQ(lives.life("bge").state(), State::kStarting);
  ASSERT_EQ(lives.life("chat").state(), State::kWaiting) << "until bge is ready";
  lives.hands("chat").changes = 0;
  ASSERT_TRUE(lives.schedule().Start("chat", lives.now()));
  EXPECT_GT(lives.hands("chat").changes, 0);
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kStarting) << "somebody wants it now";
}

TEST_F(LifeTest, LaterWavesDoNotWaitForALoadThatIsStuck) {
  Lives lives({{"bge", 0}, {"chat", 1}});
  lives.schedule().Boot(lives.now());
  lives.Look();
  ASSERT_TRUE(lives.schedule().Restart("bge", lives.now()));  // killed, and the kernel does not let it go
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kWaiting) << "bge is still to come";
  lives.Pass(Life::kGoneLimit);
  ASSERT_EQ(lives.life("bge").state(), State::kStuck);
  EXPECT_EQ(lives.life("chat").state(), State::kStarting) << lives.life("chat").reason();
}

}  // namespace
}  // namespace berth::launch
