#include "supervisor/launch/restart_policy.h"

#include <gtest/gtest.h>

namespace berth::launch {
namespace {

using namespace std::chrono_literals;

const config::Restart kSettings{1s, 60s, 5, 10min};

TEST(RestartPolicy, DelaysDoubleWithinTheirJitter) {
  config::Restart settings = kSettings;
  settings.give_up_count = 100;
  RestartPolicy policy(settings, 7);
  TimePoint now{};
  for (const Duration expected : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s, 60s}) {
    const auto delay = policy.OnFailure(now, 0s);
    ASSERT_TRUE(delay);
    EXPECT_LE(*delay, expected);
    EXPECT_GT(*delay, expected * 3 / 4 - 1us);
    now += *delay;
  }
}

TEST(RestartPolicy, TheSameSeedGivesTheSameDelays) {
  RestartPolicy one(kSettings, 42), same(kSettings, 42), other(kSettings, 43);
  const auto first = one.OnFailure(TimePoint{}, 0s);
  EXPECT_EQ(first, same.OnFailure(TimePoint{}, 0s));
  EXPECT_NE(first, other.OnFailure(TimePoint{}, 0s));
}

TEST(RestartPolicy, TheFifthFailureWithinTheWindowQuarantines) {
  RestartPolicy policy(kSettings, 1);
  TimePoint now{};
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(policy.OnFailure(now, 0s));
    now += 149s;
  }
  EXPECT_FALSE(policy.OnFailure(now, 0s)) << "596 s after the first";
  EXPECT_EQ(policy.FailuresInWindow(now), 5);
}

TEST(RestartPolicy, AFailureThatLeftTheWindowNoLongerCounts) {
  RestartPolicy policy(kSettings, 1);
  TimePoint now{};
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(policy.OnFailure(now, 0s)) << i;
    now += 150s;  // four of them fit in 600 s
  }
}

TEST(RestartPolicy, AGoodRunStartsTheDelaysAnew) {
  config::Restart settings = kSettings;
  settings.give_up_count = 100;
  RestartPolicy policy(settings, 3);
  for (int i = 0; i < 5; ++i) (void)policy.OnFailure(TimePoint{}, 59s);
  EXPECT_GT(*policy.OnFailure(TimePoint{}, 59999ms), 20s) << "not long enough to be good";
  EXPECT_LE(*policy.OnFailure(TimePoint{}, 60s), 1s);
}

TEST(RestartPolicy, TheThirdEndForWantOfMemoryQuarantinesHoweverLongTheLoadsTake) {
  RestartPolicy policy(kSettings, 1);
  TimePoint now{};
  EXPECT_TRUE(policy.OnFailure(now, 0s, true));
  EXPECT_TRUE(policy.OnFailure(now += 1h, 0s, true));
  EXPECT_TRUE(policy.OnFailure(now += 1h, 0s, false)) << "another failure between them changes nothing";
  EXPECT_FALSE(policy.never_fits());
  EXPECT_FALSE(policy.OnFailure(now += 1h, 59s, true));
  EXPECT_TRUE(policy.never_fits());
  policy.Forgive();
  EXPECT_TRUE(policy.OnFailure(now, 0s, true)) << "an operator may have made room";
}

TEST(RestartPolicy, AGoodRunBetweenEndsForWantOfMemoryForgivesThem) {
  RestartPolicy policy(kSettings, 1);
  TimePoint now{};
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(policy.OnFailure(now += 1h, 60s, true)) << i;
}

TEST(RestartPolicy, AnOperatorsStartForgives) {
  RestartPolicy policy(kSettings, 1);
  for (int i = 0; i < 5; ++i) (void)policy.OnFailure(TimePoint{}, 0s);
  policy.Forgive();
  EXPECT_EQ(policy.FailuresInWindow(TimePoint{}), 0);
  const auto delay = policy.OnFailure(TimePoint{}, 0s);
  ASSERT_TRUE(delay);
  EXPECT_LE(*delay, 1s);
}

}  // namespace
}  // namespace berth::launch
