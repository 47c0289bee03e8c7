#include "supervisor/launch/model_summary.h"

#include <gtest/gtest.h>

namespace berth::launch {
namespace {

using std::chrono::seconds;

TEST(ConditionOf, TheReplicaNearestToReadySpeaksForTheModel) {
  const auto condition = ConditionOf("bge",
                                     {{State::kQuarantined, "5 failures", false, seconds(30)},
                                      {State::kLoading, "loading weights, 40 %", false, seconds(3)}},
                                     false);
  EXPECT_EQ(condition.state, State::kLoading);
  EXPECT_EQ(condition.reason, "bge: loading weights, 40 %");
  EXPECT_EQ(condition.retry_after, seconds(3));
  EXPECT_TRUE(condition.coming);
  EXPECT_EQ(condition.ready, 0);
}

TEST(ConditionOf, NothingComesOfStatesThatNeedAnOperator) {
  for (const State state : {State::kStopped, State::kFailed, State::kQuarantined, State::kStuck, State::kStopping}) {
    EXPECT_FALSE(ConditionOf("m", {{state, "", false, seconds(30)}}, false).coming) << Name(state);
  }
  EXPECT_FALSE(ConditionOf("m", {{State::kWaiting, "", true, seconds(30)}}, false).coming);
  EXPECT_TRUE(ConditionOf("m", {{State::kWaiting, "", false, seconds(30)}}, false).coming);
}

TEST(ConditionOf, AReplicaThatIsBeingRestartedIsComing) {
  for (const State state : {State::kDraining, State::kStopping}) {
    EXPECT_TRUE(ConditionOf("m", {{state, "restart asked for", false, seconds(1), true}}, false).coming) << Name(state);
    EXPECT_FALSE(ConditionOf("m", {{state, "restart asked for", false, seconds(1), true}}, true).coming) << Name(state);
  }
  EXPECT_FALSE(ConditionOf("m", {{State::kFailed, "bad file", false, seconds(30), true}}, false).coming);
}

TEST(ConditionOf, WhileTheModelEndsNothingComes) {
  const auto condition =
      ConditionOf("m", {{State::kReady, "ready", false, seconds(1)}, {State::kLoading, "", false, seconds(1)}}, true);
  EXPECT_TRUE(condition.draining);
  EXPECT_FALSE(condition.coming);
  EXPECT_EQ(condition.ready, 1);
}

}  // namespace
}  // namespace berth::launch
