#include "worker/metering/budget.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <thread>
#include <vector>

namespace berth::engine {
namespace {

TEST(Budget, RefusesTheByteAboveItsLimitAndTakesTheOneBelow) {
  Budget budget(Bytes{100});
  EXPECT_TRUE(budget.Take(60));
  EXPECT_FALSE(budget.Take(41));
  EXPECT_EQ(budget.taken(), 60u) << "what is refused is not taken";
  EXPECT_TRUE(budget.Take(40));
  EXPECT_FALSE(budget.Take(1));
  EXPECT_TRUE(budget.Take(0));
  budget.Give(100);
  EXPECT_FALSE(budget.Take(UINT64_MAX)) << "and no sum overflows";
  EXPECT_TRUE(budget.Take(100));
}

TEST(Budget, WithoutALimitItCountsAndRefusesNothing) {
  Budget budget;
  EXPECT_TRUE(budget.Take(std::uint64_t{1} << 40));
  budget.Settle(std::uint64_t{1} << 41);
  EXPECT_FALSE(budget.exceeded());
  EXPECT_TRUE(budget.Take(1));
}

TEST(Budget, ThePeakStaysWhenItIsGivenBack) {
  Budget budget(Bytes{100});
  EXPECT_TRUE(budget.Take(70));
  budget.Give(70);
  EXPECT_TRUE(budget.Take(10));
  EXPECT_EQ(budget.taken(), 10u);
  EXPECT_EQ(budget.peak(), 70u);
}

// A story: the process holds 30 before any tensor; a batch of 50 is freed, stays in the heap, and comes back.
TEST(Budget, WhatTheKernelSeesIsCountedOnce) {
  Budget budget(Bytes{100});
  budget.Settle(30);
  EXPECT_EQ(budget.other(), 30u);
  EXPECT_FALSE(budget.Take(71));
  EXPECT_TRUE(budget.Take(20));
  EXPECT_TRUE(budget.Take(30));
  budget.Give(50);
  budget.Settle(80);  // the 50 are free, and kept
  EXPECT_EQ(budget.other(), 30u) << "freed and kept is not somebody else's";
  EXPECT_TRUE(budget.Take(70)) << "the kept 50 are used again";
  budget.Give(70);
  budget.Settle(110);  // 10 more of what nobody takes: 70 of the 110 were tensors
  EXPECT_EQ(budget.other(), 40u);
  EXPECT_FALSE(budget.Take(61));
  EXPECT_TRUE(budget.Take(60));
}

// A tensor of 32 MiB or more is gone from the kernel's figure when it is freed, and what nobody takes is not hidden by it.
TEST(Budget, WhatIsUnmappedWhenItIsFreedHidesNothing) {
  Budget budget(Bytes{100});
  budget.Settle(20);
  EXPECT_TRUE(budget.Take(10));
  EXPECT_TRUE(budget.TakeMapped(50));
  EXPECT_EQ(budget.taken(), 60u);
  budget.Settle(80);
  EXPECT_EQ(budget.other(), 20u) << "while it is there it is counted once";
  budget.GiveMapped(50);
  budget.Settle(60);  // 30 more of what nobody takes
  EXPECT_EQ(budget.other(), 50u);
  EXPECT_FALSE(budget.Take(41));
  EXPECT_FALSE(budget.TakeMapped(41));
  EXPECT_TRUE(budget.TakeMapped(40));
  EXPECT_EQ(budget.peak(), 60u);
}

// A KV cache is taken whole before its first token. What nobody takes is seen all the same, from the first to the last
// page that is written.
TEST(Budget, PagesThatNobodyHasTouchedHideNothing) {
  Budget budget(MiB(200));
  const std::uint64_t all = MiB(64).count;
  void* const pages = ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  ::madvise(pages, all, MADV_NOHUGEPAGE);
  ASSERT_TRUE(budget.TakeMapped(all));
  budget.Watch(pages, all);
  for (const std::uint64_t touched : {std::uint64_t{0}, MiB(16).count, MiB(64).count}) {
    std::memset(pages, 1, touched);
    budget.Settle(MiB(20).count + touched);
    EXPECT_EQ(budget.other(), MiB(20).count) << touched;
  }
  budget.Unwatch(pages);
  ::munmap(pages, all);
  budget.GiveMapped(all);
  budget.Settle(MiB(20).count);
  EXPECT_EQ(budget.other(), MiB(20).count);
}

TEST(Budget, AfterFreedMemoryWasReturnedAllTheRestIsOthers) {
  Budget budget(Bytes{100});
  EXPECT_TRUE(budget.Take(20));
  EXPECT_TRUE(budget.Take(60));
  budget.Give(60);
  budget.SettleReturned(75);
  EXPECT_EQ(budget.other(), 55u);
  EXPECT_EQ(budget.peak(), 80u);
  EXPECT_FALSE(budget.exceeded());
  budget.SettleReturned(101);
  EXPECT_TRUE(budget.exceeded());
  EXPECT_FALSE(budget.Take(1));
}

TEST(Budget, TheRefusalSaysWhatWasAskedWhatIsHeldTheBudgetAndTheRemedy) {
  Budget budget(MiB(64));
  budget.Settle(MiB(30).count);
  EXPECT_TRUE(budget.Take(MiB(20).count));
  const std::string text = budget.Refusal(MiB(16).count);
  for (const char* part : {"16 MiB more", "50 MiB of private memory held", "the budget is 64 MiB", "raise `memory`",
                           "batching.max_tokens"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in: " << text;
  }
}

// More threads than room: at no instant is more taken than the limit, and everything comes back.
TEST(Budget, ManyThreadsNeverTakeMoreThanTheLimitTogether) {
  constexpr std::uint64_t kLimit = 10, kEach = 3;
  Budget budget(Bytes{kLimit});
  std::atomic<std::uint64_t> held{0}, most{0}, granted{0};
  const auto work = [&] {
    for (int i = 0; i < 20'000; ++i) {
      if (!budget.Take(kEach)) continue;
      const std::uint64_t now = held.fetch_add(kEach) + kEach;
      std::uint64_t seen = most;
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      ++granted;
      held.fetch_sub(kEach);
      budget.Give(kEach);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, kLimit);
  EXPECT_LE(budget.peak(), kLimit);
  EXPECT_EQ(budget.taken(), 0u);
  EXPECT_GT(granted, 0u);
}

TEST(Charge, GrowsShrinksAndGoesWithItsOwner) {
  Budget budget(Bytes{100});
  {
    Charge charge;
    EXPECT_TRUE(charge.Hold(budget, 80));
    EXPECT_TRUE(charge.Hold(budget, 100)) << "20 more, not 100 more";
    EXPECT_FALSE(charge.Hold(budget, 101));
    EXPECT_EQ(budget.taken(), 100u) << "it holds what it held";
    EXPECT_TRUE(charge.Hold(budget, 10));
    EXPECT_EQ(budget.taken(), 10u);
  }
  EXPECT_EQ(budget.taken(), 0u);
}

TEST(Budget, OneStepIsMeasuredFromAMark) {
  Budget budget(KiB(10));
  EXPECT_TRUE(budget.Take(9000));
  budget.Give(8000);
  budget.Mark();
  EXPECT_EQ(budget.peak_since_mark(), 1000u);
  EXPECT_TRUE(budget.Take(500));
  budget.Give(500);
  EXPECT_EQ(budget.peak_since_mark(), 1500u);
  EXPECT_EQ(budget.peak(), 9000u);
}

TEST(Charge, MovesWithWhatItHolds) {
  Budget budget(KiB(10));
  Charge first;
  EXPECT_TRUE(first.Hold(budget, 100));
  Charge second(std::move(first));
  EXPECT_EQ(budget.taken(), 100u);
  EXPECT_TRUE(second.Hold(budget, 300));
  EXPECT_EQ(budget.taken(), 300u) << "what was held is part of it";
  {
    Charge third;
    EXPECT_TRUE(third.Hold(budget, 50));
    third = std::move(second);
    EXPECT_EQ(budget.taken(), 350u) << "until the other one goes";
  }
  EXPECT_EQ(budget.taken(), 50u);
  second.Reset();
  EXPECT_EQ(budget.taken(), 0u);
}

}  // namespace
}  // namespace berth::engine
