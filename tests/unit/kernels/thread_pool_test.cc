#include "worker/kernels/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace berth::kernels::cpu {
namespace {

TEST(ThreadPool, EveryTaskIsDoneOnce) {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::int64_t tasks : {0, 1, 2, 3, 1000}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(tasks));
      pool.Run(tasks, [&](std::int64_t task, int) { ++done[static_cast<std::size_t>(task)]; });
      EXPECT_TRUE(std::ranges::all_of(done, [](const auto& count) { return count == 1; })) << threads << ", " << tasks;
    }
  }
}

TEST(ThreadPool, ThreadsAreNumberedAndSeeWhatTheCallerWrote) {
  ThreadPool pool(4);
  std::vector<int> plain(64);  // by task: no two threads share one
  for (int round = 1; round <= 2000; ++round) {
    pool.Run(64, [&](std::int64_t task, int thread) {
      ASSERT_LT(thread, 4);
      plain[static_cast<std::size_t>(task)] += round;
    });
    ASSERT_TRUE(std::ranges::all_of(plain, [&](int value) { return value == round * (round + 1) / 2; })) << round;
  }
}

// A task that goes on until another thread came: the others take part.
TEST(ThreadPool, AnotherThreadComes) {
  ThreadPool pool(2);
  std::atomic<int> seen{0};
  pool.Run(2, [&](std::int64_t, int) {
    ++seen;
    while (seen.load() < 2) {}
  });
  EXPECT_EQ(seen, 2);
}

}  // namespace
}  // namespace berth::kernels::cpu
