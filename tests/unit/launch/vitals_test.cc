#include "supervisor/launch/vitals.h"

#include <gtest/gtest.h>

namespace berth::launch {
namespace {

using namespace std::chrono_literals;

const Vitals::Limits kLimits{60s, 30s};
const TimePoint kStart{1000s};

// Ready at kStart, then checked each second, with a beat unless `beats` is false.
class Story {
 public:
  Story() { vitals_.OnReady(now_); }

  // The seconds until trouble was found, or nothing after `most` seconds.
  std::optional<int> SecondsToTrouble(int most, bool busy, std::uint64_t steps_per_second, bool beats = true) {
    for (int second = 1; second <= most; ++second) {
      now_ += 1s;
      steps_ += steps_per_second;
      if (beats) vitals_.OnBeat(steps_, now_);
      trouble_ = vitals_.CheckHealth(now_, busy);
      if (trouble_) return second;
    }
    return {};
  }
  void Pause(Duration duration) { now_ += duration; }

  TimePoint now_ = kStart;
  std::uint64_t steps_ = 0;
  Vitals vitals_{kLimits, kStart};
  std::optional<Trouble> trouble_;
};

TEST(Vitals, AHelloIsProgressOfTheLoad) {
  Vitals vitals(kLimits, kStart);
  for (TimePoint now = kStart + 1s; now < kStart + 119s; now += 1s) {
    if (now == kStart + 59s) vitals.OnHello(now);
    EXPECT_FALSE(vitals.CheckLoad(now)) << "the process took 59 s to start, its load has 60 s from there";
  }
  EXPECT_TRUE(vitals.CheckLoad(kStart + 119s));
}

TEST(Vitals, AnIdleWorkerIsNeverHung) {
  Story story;
  EXPECT_EQ(story.SecondsToTrouble(3600, false, 0), std::nullopt);
}

TEST(Vitals, ABusyWorkerThatStepsIsNeverHung) {
  Story story;
  EXPECT_EQ(story.SecondsToTrouble(3600, true, 1), std::nullopt);
}

TEST(Vitals, BegunWorkWithoutAStepIsHungAfterTheStall) {
  Story story;
  EXPECT_EQ(story.SecondsToTrouble(100, true, 0), 31) << "the first check starts the clock";
  EXPECT_EQ(story.trouble_->cause, ExitCause::kHung);
}

TEST(Vitals, IdleTimeBeforeTheWorkDoesNotCount) {
  Story story;
  EXPECT_EQ(story.SecondsToTrouble(600, false, 0), std::nullopt);
  EXPECT_EQ(story.SecondsToTrouble(29, true, 0), std::nullopt);
  EXPECT_EQ(story.SecondsToTrouble(100, true, 0), 2);
}

TEST(Vitals, AStepStartsTheStallAnew) {
  Story story;
  EXPECT_EQ(story.SecondsToTrouble(29, true, 0), std::nullopt);
  EXPECT_EQ(story.SecondsToTrouble(1, true, 1), std::nullopt);
  EXPECT_EQ(story.SecondsToTrouble(29, true, 0), std::nullopt);
  EXPECT_EQ(story.SecondsToTrouble(10, true, 0), 1);
}

TEST(Vitals, AStoppedProcessIsSeenByItsMissingBeat) {
  Story story;
  EXPECT_EQ(story.SecondsToTrouble(100, false, 0, false), 30);
  EXPECT_EQ(story.trouble_->cause, ExitCause::kHung);
  EXPECT_NE(story.trouble_->reason.find("beat"), std::string::npos);
}

TEST(Vitals, TimeInWhichTheDaemonItselfWasStoppedIsExcused) {
  Story story;
  EXPECT_EQ(story.SecondsToTrouble(20, true, 0), std::nullopt);
  story.Pause(5min);
  EXPECT_EQ(story.SecondsToTrouble(8, true, 0), std::nullopt);
  EXPECT_TRUE(story.SecondsToTrouble(5, true, 0)) << "but only that time";
}

TEST(Vitals, LoadingStallsWithoutProgressAndProgressPostponesIt) {
  Vitals vitals(kLimits, kStart);
  vitals.OnLoading("weights", 0.1, kStart);
  TimePoint now = kStart;
  for (int second = 1; second <= 59; ++second) {
    now += 1s;
    vitals.OnLoading("weights", 0.1, now);
    EXPECT_FALSE(vitals.CheckLoad(now)) << second;
  }
  vitals.OnLoading("weights", 0.2, now);
  for (int second = 1; second <= 59; ++second) EXPECT_FALSE(vitals.CheckLoad(now += 1s)) << second;
  const auto trouble = vitals.CheckLoad(now += 1s);
  ASSERT_TRUE(trouble);
  EXPECT_EQ(trouble->cause, ExitCause::kLoadFailed);
  EXPECT_NE(trouble->reason.find("20 % of weights"), std::string::npos) << trouble->reason;
}

TEST(Vitals, AProcessThatNeverSaysHelloIsAFailedLoad) {
  Vitals vitals(kLimits, kStart);
  TimePoint now = kStart;
  for (int second = 1; second <= 59; ++second) EXPECT_FALSE(vitals.CheckLoad(now += 1s));
  EXPECT_TRUE(vitals.CheckLoad(now += 1s));
}

}  // namespace
}  // namespace berth::launch
