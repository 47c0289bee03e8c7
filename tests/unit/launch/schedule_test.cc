#include "supervisor/launch/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/unit/launch/fake_hands.h"

namespace berth::launch {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr WaitStatus kExit{0, 0};
constexpr WaitStatus kKilled{0, SIGKILL};

TEST(Schedule, OneLoadsAfterAnotherOnADevice) {
  Lives lives({{"bge"}, {"chat"}, {"tts", 0, GiB(1), "other"}});
  lives.schedule().Boot(lives.now());
  lives.Look();
  EXPECT_EQ(lives.life("bge").state(), State::kStarting);
  EXPECT_EQ(lives.life("chat").reason(), "waits for bge/0, which loads on cpu");
  EXPECT_EQ(lives.life("tts").state(), State::kStarting) << "devices load in parallel";
  lives.Hello("bge");
  lives.Ready("bge");
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kStarting);
}

TEST(Schedule, AReplicaOnTwoDevicesWaitsForBothTurnsAndHoldsBoth) {
  Lives lives({{"bge", 0, GiB(1), "other"}, {"chat", 0, GiB(3), "cpu", "other"}, {"tts"}});
  lives.schedule().Boot(lives.now());
  lives.Look();
  EXPECT_EQ(lives.life("chat").reason(), "waits for tts/0, which loads on cpu") << "both are busy; the first is named";
  EXPECT_EQ(lives.life("tts").state(), State::kStarting) << "the turn of one device is not held while it waits for the other";
  for (const char* model : {"tts", "bge"}) {
    lives.Hello(model);
    lives.Ready(model);
  }
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kStarting);
  EXPECT_EQ(lives.schedule().slots().Holder("cpu"), "chat/0");
  EXPECT_EQ(lives.schedule().slots().Holder("other"), "chat/0");
  EXPECT_EQ(lives.schedule().ledger().Reserved("cpu"), GiB(4));
  EXPECT_EQ(lives.schedule().ledger().Reserved("other"), GiB(4));
  lives.Hello("chat");
  lives.Ready("chat");
  EXPECT_EQ(lives.schedule().slots().Holder("cpu"), "");
  EXPECT_EQ(lives.schedule().slots().Holder("other"), "");
  ASSERT_TRUE(lives.schedule().Stop("chat", lives.now()));
  lives.End("chat", kExit);
  EXPECT_EQ(lives.schedule().ledger().Reserved("cpu"), GiB(1));
  EXPECT_EQ(lives.schedule().ledger().Reserved("other"), GiB(1));
}

TEST(Schedule, WithoutMemoryALifeWaitsWithoutHopeUntilThereIsSome) {
  Lives lives({{"bge", 0, GiB(3)}, {"chat", 0, GiB(2)}});
  lives.Serve("bge");
  ASSERT_TRUE(lives.schedule().Start("chat", lives.now()));
  lives.Look();
  EXPECT_TRUE(lives.life("chat").hopeless());
  EXPECT_FALSE(lives.schedule().ConditionOf("chat", lives.now()).coming);
  ASSERT_TRUE(lives.schedule().Stop("bge", lives.now()));
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kWaiting) << "bge drains";
  lives.End("bge", kExit);
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kStarting);
}

TEST(Schedule, WhatCrashesKeepsItsPlaceWhileItBacksOffAndLosesItWithItsLastTry) {
  Lives lives({{"bge", 0, GiB(3)}, {"chat", 0, GiB(2)}});
  lives.Serve("bge");
  ASSERT_TRUE(lives.schedule().Start("chat", lives.now()));
  for (int failures = 1; failures < 5; ++failures) {
    lives.End("bge", kKilled);
    ASSERT_EQ(lives.life("bge").state(), State::kBackoff);
    lives.Look();
    EXPECT_EQ(lives.life("chat").state(), State::kWaiting) << "held back, and may not take what another one left for a moment";
    lives.Pass(lives.hands("bge").backoff + 100ms);
    EXPECT_EQ(lives.life("bge").state(), State::kStarting);
  }
  lives.End("bge", kKilled);
  ASSERT_EQ(lives.life("bge").state(), State::kQuarantined);
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kStarting);
  lives.Hello("chat");
  lives.Ready("chat");
  ASSERT_TRUE(lives.schedule().Start("bge", lives.now()));
  lives.Look();
  EXPECT_TRUE(lives.life("bge").hopeless()) << "an operator's start asks for a place like any other";
}

TEST(Schedule, WhatIsRestartedKeepsItsPlace) {
  Lives lives({{"bge", 0, GiB(3)}, {"chat", 0, GiB(2)}});
  lives.Serve("bge");
  ASSERT_TRUE(lives.schedule().Start("chat", lives.now()));
  ASSERT_TRUE(lives.schedule().Restart("bge", lives.now()));
  lives.End("bge", kExit);
  lives.Look();
  EXPECT_EQ(lives.life("bge").state(), State::kStarting);
  EXPECT_EQ(lives.life("chat").state(), State::kWaiting);
}

TEST(Schedule, ARuleHoldsBackWhatIsStartedByHandUntilTheOtherIsGone) {
  config::Rules rules;
  rules.apart = {{"bge", "chat"}, {"rank", "chat"}};
  Lives lives({{"bge"}, {"rank"}, {"chat"}}, rules);
  lives.Serve("bge");
  lives.Serve("rank");
  ASSERT_TRUE(lives.schedule().Start("chat", lives.now()));
  const char* why = "model \"chat\": replica 0 may not join those on cpu: rules.apart keeps it from bge/0, rank/0, which "
                    "are there; stop who is in the way, or change the rule";
  EXPECT_EQ(lives.life("chat").reason(), why) << "whoever starts it is told at once";
  lives.Look();
  ASSERT_TRUE(lives.schedule().Stop("rank", lives.now()));
  lives.End("rank", kExit);
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kWaiting);
  EXPECT_EQ(lives.hands("chat").held_back, 1) << "an event once in a wait";
  ASSERT_TRUE(lives.schedule().Stop("bge", lives.now()));
  lives.End("bge", kExit);
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kStarting);
}

// Models of 3 GiB on one device of 4.
struct TwoOnDemand : Lives {
  TwoOnDemand() : Lives({{"a", 0, GiB(3)}, {"b", 0, GiB(3)}, {"fixed", 0, GiB(3)}}) {
    model("a").start = model("b").start = config::Start::kDemand;
    model("fixed").start = config::Start::kManual;
  }
};

void Ask(Lives& lives, const std::string& model) {
  lives.schedule().Demand(model, lives.now());
  lives.Look();
}

TEST(Demand, ARequestStartsAModelAndOneThatRestsGivesWayToTheNext) {
  TwoOnDemand lives;
  EXPECT_TRUE(lives.schedule().ConditionOf("a", lives.now()).on_demand);
  Ask(lives, "a");
  lives.Hello("a");
  lives.Ready("a");
  Ask(lives, "b");
  EXPECT_EQ(lives.life("a").state(), State::kDraining);
  EXPECT_EQ(lives.life("a").reason(), "gives way to b/0");
  EXPECT_EQ(lives.life("b").reason(), "waits for a/0, which gives its place back");
  EXPECT_TRUE(lives.schedule().ConditionOf("b", lives.now()).coming);
  Ask(lives, "a");  // wanted again before it has ended
  lives.End("a", kExit);
  lives.Look();
  EXPECT_EQ(lives.life("b").state(), State::kStarting) << "its place is not the old one's any more";
  EXPECT_EQ(lives.life("a").state(), State::kWaiting);
  EXPECT_EQ(lives.life("a").reason(), "waits for b/0, which loads on cpu");
  lives.Hello("b");
  lives.Ready("b");
  lives.Look();
  EXPECT_EQ(lives.life("b").state(), State::kDraining) << "nobody asks it for anything";
}

TEST(Demand, WhoIsBusyServesForAWhileBeforeItGivesWay) {
  TwoOnDemand lives;
  Ask(lives, "a");
  lives.Hello("a");
  lives.hands("a").in_flight = 1;
  lives.Ready("a");
  Ask(lives, "b");
  lives.Pass(kLeastService - std::chrono::seconds(1));
  EXPECT_EQ(lives.life("a").state(), State::kReady);
  lives.Pass(std::chrono::seconds(2));
  EXPECT_EQ(lives.life("a").state(), State::kDraining);
}

TEST(Demand, WhatAnOperatorStoppedOrDoesNotComeByItselfIsNotStartedByARequest) {
  TwoOnDemand lives;
  ASSERT_TRUE(lives.schedule().Stop("a", lives.now()));
  Ask(lives, "a");
  Ask(lives, "fixed");
  EXPECT_EQ(lives.life("a").state(), State::kStopped);
  EXPECT_EQ(lives.life("fixed").state(), State::kStopped);
  EXPECT_FALSE(lives.schedule().ConditionOf("a", lives.now()).on_demand);
}

TEST(Demand, NobodyIsSentAwayForAModelThatIsPinned) {
  TwoOnDemand lives;
  lives.model("a").pinned = true;
  Ask(lives, "a");
  lives.Hello("a");
  lives.Ready("a");
  Ask(lives, "b");
  EXPECT_EQ(lives.life("a").state(), State::kReady);
  EXPECT_TRUE(lives.life("b").hopeless());
  EXPECT_FALSE(lives.schedule().ConditionOf("b", lives.now()).coming);
}

TEST(Demand, NobodyGivesWayToWhatCanOnlyRunBesideIt) {
  TwoOnDemand lives;
  lives.model("b").after = {"a"};
  Ask(lives, "b");
  EXPECT_EQ(lives.life("a").state(), State::kStarting) << "what it needs is asked for, too";
  lives.Hello("a");
  lives.Ready("a");
  lives.Look();
  EXPECT_EQ(lives.life("a").state(), State::kReady);
  EXPECT_TRUE(lives.life("b").hopeless());
}

TEST(Demand, WhoHadNoRequestForLongStopsAndComesAgain) {
  TwoOnDemand lives;
  lives.model("a").idle_stop = std::chrono::seconds(10);
  Ask(lives, "a");
  lives.Hello("a");
  lives.Ready("a");
  lives.hands("a").in_flight = 1;
  lives.Pass(std::chrono::seconds(30));
  EXPECT_EQ(lives.life("a").state(), State::kReady);
  lives.hands("a").in_flight = 0;
  lives.Pass(std::chrono::seconds(12));
  EXPECT_EQ(lives.life("a").state(), State::kDraining);
  EXPECT_EQ(lives.life("a").reason(), "had no request for 10s");
  Ask(lives, "a");
  lives.End("a", kExit);
  lives.Look();
  EXPECT_EQ(lives.life("a").state(), State::kStarting) << "a request came while it stopped";
}

TEST(Schedule, WithOnFailureStopLaterWavesWaitUntilAnOperatorGivesUpOnWhatFailed) {
  config::Rules rules;
  rules.on_failure = config::OnFailure::kStop;
  Lives lives({{"bge", 0}, {"chat", 1}}, rules);
  lives.schedule().Boot(lives.now());
  lives.Look();
  lives.Hello("bge");
  lives.life("bge").On(protocol::FailedMessage{"the model is broken", true}, lives.now());
  lives.End("bge", {0, 0});
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kWaiting) << lives.life("bge").reason();
  EXPECT_TRUE(lives.life("chat").hopeless());
  ASSERT_TRUE(lives.schedule().Stop("bge", lives.now()));
  lives.Look();
  EXPECT_EQ(lives.life("chat").state(), State::kStarting);
}

TEST(Schedule, VerbsForModelsThatAreNotThereAreNotFound) {
  Lives lives({{"bge"}});
  for (const std::string model : {"nobody", ""}) {
    EXPECT_EQ(lives.schedule().Start(model, lives.now()).error().kind, ErrorKind::kNotFound);
    EXPECT_EQ(lives.schedule().Stop(model, lives.now()).error().kind, ErrorKind::kNotFound);
    EXPECT_EQ(lives.schedule().Restart(model, lives.now()).error().kind, ErrorKind::kNotFound);
  }
}

TEST(Schedule, AModelThatAnOperatorStopsDrainsUntilOneStartsIt) {
  Lives lives({{"bge"}});
  lives.Serve("bge");
  ASSERT_TRUE(lives.schedule().Stop("bge", lives.now()));
  EXPECT_TRUE(lives.schedule().ConditionOf("bge", lives.now()).draining);
  EXPECT_FALSE(lives.schedule().ConditionOf("bge", lives.now()).coming);
  ASSERT_TRUE(lives.schedule().Start("bge", lives.now()));
  EXPECT_FALSE(lives.schedule().ConditionOf("bge", lives.now()).draining);
  EXPECT_TRUE(lives.schedule().ConditionOf("bge", lives.now()).coming) << "once the present process has ended";
}

TEST(Schedule, AStopOfAModelThatNeverStartedIsSaidOnce) {
  Lives lives({{"bge"}});
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(lives.schedule().Stop("bge", lives.now()));
  EXPECT_EQ(lives.hands("bge").changes, 1);
  EXPECT_TRUE(lives.schedule().ConditionOf("bge", lives.now()).draining);
}

TEST(Schedule, InTheEndAWaveIsToldOnceTheLaterOnesHaveEnded) {
  Lives lives({{"bge", 0}, {"chat", 1}});
  lives.Serve("bge");
  lives.Serve("chat");
  lives.schedule().End(lives.now() + 60s, lives.now());
  EXPECT_THAT(lives.hands("chat").Did(), ElementsAre("close", "ask to end within 20s"));
  EXPECT_THAT(lives.hands("bge").Did(), IsEmpty());
  EXPECT_FALSE(lives.schedule().all_told());
  lives.End("chat", kExit);
  lives.schedule().Look(lives.now());
  EXPECT_THAT(lives.hands("bge").Did(), ElementsAre("close", "ask to end within 20s"));
  EXPECT_FALSE(lives.schedule().all_told()) << "the last wave is waited for, too";
  lives.End("bge", kExit);
  lives.schedule().Look(lives.now());
  EXPECT_TRUE(lives.schedule().all_told());
}

TEST(Schedule, AtTheDeadlineOfTheEndAllAreToldAndTheirGraceIsOver) {
  Lives lives({{"bge", 0}, {"chat", 1}});
  lives.Serve("bge");
  lives.Serve("chat");
  lives.schedule().End(lives.now() + 5s, lives.now());
  EXPECT_THAT(lives.hands("chat").Did(), ElementsAre("close", "ask to end within 5s")) << "no longer than the end takes";
  lives.Pass(5s);
  lives.schedule().Look(lives.now());
  lives.Look();
  EXPECT_THAT(lives.hands("chat").Did(), ElementsAre("kill"));
  EXPECT_THAT(lives.hands("bge").Did(), ElementsAre("close", "ask to end within 0us", "kill"));
  EXPECT_TRUE(lives.schedule().all_told());
}

TEST(Schedule, ASecondEndShortensTheFirstAndNeverLengthensIt) {
  Lives lives({{"bge"}});
  lives.Serve("bge");
  lives.schedule().End(lives.now() + 15s, lives.now());
  lives.schedule().End(lives.now() + 60s, lives.now());
  EXPECT_EQ(lives.schedule().deadline(), lives.now() + 15s);
  lives.hands("bge").did.clear();
  lives.hands("bge").changes = 0;
  lives.schedule().End(lives.now(), lives.now());
  EXPECT_GT(lives.hands("bge").changes, 0) << "it looks at its deadline";
  lives.Look();
  EXPECT_THAT(lives.hands("bge").Did(), ElementsAre("kill"));
}

TEST(Schedule, WhatWaitsWhileAllEndsDoesNotStart) {
  Lives lives({{"bge", 0}, {"chat", 1}, {"tts", 0}});
  lives.Serve("chat");
  ASSERT_TRUE(lives.schedule().Start("bge", lives.now()));
  ASSERT_TRUE(lives.schedule().Start("tts", lives.now()));
  lives.Look();
  ASSERT_EQ(lives.life("tts").state(), State::kWaiting) << "bge loads";
  lives.schedule().End(lives.now() + 60s, lives.now());
  lives.Hello("bge");
  lives.Ready("bge");  // the device is free
  lives.Look();
  EXPECT_EQ(lives.life("tts").state(), State::kWaiting);
  EXPECT_EQ(lives.life("tts").reason(), "the daemon is shutting down");
  EXPECT_TRUE(lives.life("tts").hopeless());
  EXPECT_THAT(lives.hands("tts").Did(), IsEmpty());
  EXPECT_EQ(lives.schedule().Start("tts", lives.now()).error().kind, ErrorKind::kConflict);
  lives.End("chat", kExit);
  lives.schedule().Look(lives.now());
  EXPECT_EQ(lives.life("tts").state(), State::kStopped);
}

TEST(Schedule, WhatCrashesWhileAllEndsIsNotStartedAgain) {
  Lives lives({{"bge", 0}, {"chat", 1}});
  lives.Serve("bge");
  lives.Serve("chat");
  lives.schedule().End(lives.now() + 60s, lives.now());
  lives.End("bge", kKilled);  // not told yet
  EXPECT_EQ(lives.life("bge").state(), State::kBackoff);
  lives.Pass(10s);
  EXPECT_EQ(lives.life("bge").state(), State::kWaiting);
  lives.End("chat", kExit);
  lives.schedule().Look(lives.now());
  EXPECT_EQ(lives.life("bge").state(), State::kStopped);
  EXPECT_TRUE(lives.schedule().all_told());
  EXPECT_THAT(lives.hands("bge").Did(), ElementsAre("exited: signal", "reaped"));
}

TEST(Schedule, WhatIsStuckDoesNotHoldUpTheEnd) {
  Lives lives({{"bge", 0}, {"chat", 1}});
  lives.Serve("bge");
  lives.Serve("chat");
  lives.schedule().End(lives.now() + 60s, lives.now());
  lives.Pass(Lives::kGrace + Life::kGoneLimit);
  ASSERT_EQ(lives.life("chat").state(), State::kStuck);
  lives.schedule().Look(lives.now());
  EXPECT_EQ(lives.life("bge").state(), State::kDraining);
}

}  // namespace
}  // namespace berth::launch
