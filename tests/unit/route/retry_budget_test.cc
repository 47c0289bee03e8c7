#include "supervisor/route/retry_budget.h"

#include <gtest/gtest.h>

#include "supervisor/route/drain_rate.h"

namespace berth::route {
namespace {

int Granted(RetryBudget& budget, int live) {
  int granted = 0;
  while (budget.TryStart(live)) ++granted;
  return granted;
}

TEST(RetryBudget, FewLiveRequestsMayAllRetry) {
  RetryBudget budget;
  EXPECT_EQ(Granted(budget, 1), RetryBudget::kFloor);
}

TEST(RetryBudget, ManyLiveRequestsShareAFifth) {
  RetryBudget budget;
  EXPECT_EQ(Granted(budget, 1000), 200);
  EXPECT_EQ(budget.retrying(), 200);
}

TEST(RetryBudget, APlaceThatIsDoneIsGrantedAgain) {
  RetryBudget budget;
  Granted(budget, 100);
  EXPECT_FALSE(budget.TryStart(100));
  budget.Done();
  EXPECT_TRUE(budget.TryStart(100));
}

TEST(DrainRate, WithoutCompletionsTheLongestWaitIsAdvised) {
  DrainRate rate;
  EXPECT_EQ(rate.RetryAfterSeconds(1, TimePoint{} + std::chrono::hours(1)), 60);
}

TEST(DrainRate, FollowsTheRateOfCompletions) {
  DrainRate rate;
  TimePoint now = TimePoint{} + std::chrono::hours(1);
  for (int i = 0; i < 1000; ++i) rate.Completed(now += std::chrono::milliseconds(100));
  EXPECT_NEAR(rate.PerSecond(now), 10, 0.2);
  EXPECT_NEAR(rate.RetryAfterSeconds(200, now), 20, 1);
  EXPECT_EQ(rate.RetryAfterSeconds(1, now), 1);
  EXPECT_LT(rate.PerSecond(now + std::chrono::seconds(60)), 0.1);
}

}  // namespace
}  // namespace berth::route
