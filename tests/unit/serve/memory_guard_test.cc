#include "worker/serve/memory_guard.h"

#include <gtest/gtest.h>

namespace berth::serve {
namespace {

const Status kRefused = MakeError(ErrorKind::kUnavailable, "9 MiB more asked for");

class MemoryGuardTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef BERTH_SANITIZED
    GTEST_SKIP() << "the kernel counts the sanitizer's own memory";
#endif
  }

  protocol::MemoryReport now{MiB(30).count, 0, 0};
  engine::Budget budget{MiB(100)};
  MemoryGuard guard{budget, [this] { return now; }};
};

TEST_F(MemoryGuardTest, AProcessThatIsTooLargeByItselfIsNamedBeforeItLoads) {
  guard.Settle();
  EXPECT_FALSE(guard.TooSmall());
  now.rss_anon = MiB(101).count;
  guard.Settle();
  ASSERT_TRUE(guard.TooSmall());
  EXPECT_NE(guard.TooSmall()->find("holds 101 MiB of private memory, the budget is 100 MiB; raise `memory`"),
            std::string::npos)
      << *guard.TooSmall();
}

TEST_F(MemoryGuardTest, ARefusedBatchIsItsRequestsAffairAndTheWorkerGoesOn) {
  guard.Serving();
  EXPECT_FALSE(guard.After(kRefused));
  EXPECT_EQ(budget.other(), MiB(30).count) << "the kernel was asked again";
  EXPECT_FALSE(guard.After(Ok()));
  EXPECT_FALSE(guard.After(MakeError(ErrorKind::kInternal, "not a number")));
}

// A body that was refused comes to no batch: without this nobody would ever look again.
TEST_F(MemoryGuardTest, AfterARefusalWhatIsKeptAndFreeGoesBack) {
  ASSERT_TRUE(budget.Take(MiB(60).count));
  budget.Give(MiB(60).count);
  now.rss_anon = MiB(90).count;
  guard.Settle();
  EXPECT_EQ(budget.other(), MiB(30).count) << "the 60 that were freed are kept";
  ASSERT_FALSE(budget.Take(MiB(80).count));
  now.rss_anon = MiB(40).count;  // what the kernel has got back
  guard.Settle();
  EXPECT_EQ(budget.other(), MiB(40).count);
  now.rss_anon = MiB(45).count;
  guard.Settle();
  EXPECT_EQ(budget.other(), MiB(45).count);
}

TEST_F(MemoryGuardTest, WhatIsHeldWhileNothingRunsAndIsOverTheBudgetEndsTheWorker) {
  guard.Serving();
  now.rss_anon = MiB(101).count;
  const auto why = guard.After(kRefused);
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("101 MiB of private memory while nothing is computed, the budget is 100 MiB"), std::string::npos)
      << *why;
}

TEST_F(MemoryGuardTest, AWorkerThatServesNothingAnyMoreEnds) {
  guard.Serving();
  for (int i = 1; i < MemoryGuard::kMostRefusals; ++i) EXPECT_FALSE(guard.After(kRefused)) << i;
  EXPECT_FALSE(guard.After(Ok())) << "one that fits begins the count anew";
  for (int i = 1; i < MemoryGuard::kMostRefusals; ++i) EXPECT_FALSE(guard.After(kRefused)) << i;
  const auto why = guard.After(kRefused);
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("8 batches in a row did not fit, the last: 9 MiB more asked for"), std::string::npos) << *why;
}

TEST_F(MemoryGuardTest, AMachineWithoutMemoryEndsTheWorkerAtOnce) {
  guard.Serving();
  EXPECT_EQ(guard.After(MakeError(ErrorKind::kExhausted, "out of memory")), "out of memory");
}

TEST_F(MemoryGuardTest, ARefusalWhileItWarmsUpIsTheLoadsAffair) {
  for (int i = 0; i < 2 * MemoryGuard::kMostRefusals; ++i) EXPECT_FALSE(guard.After(kRefused));
}

}  // namespace
}  // namespace berth::serve
