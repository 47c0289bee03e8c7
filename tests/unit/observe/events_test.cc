#include "supervisor/observe/events.h"

#include <gtest/gtest.h>

#include <thread>

namespace berth::observe {
namespace {

TEST(Events, AreNumberedFromOneInTheirOrder) {
  Events events;
  EXPECT_EQ(events.last_seq(), 0u);
  events.Add("state", "bge", 1, "ready");
  events.Add("daemon", "", -1, "drains");
  const std::vector<Event> all = events.Since(0);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].seq, 1u);
  EXPECT_EQ(all[0].model, "bge");
  EXPECT_EQ(all[0].replica, 1);
  EXPECT_EQ(all[1].seq, 2u);
  EXPECT_EQ(all[1].message, "drains");
  EXPECT_EQ(events.last_seq(), 2u);
}

TEST(Events, SinceGivesOnlyLaterOnesAndAtMostAsManyAsAsked) {
  Events events;
  for (int i = 0; i < 10; ++i) events.Add("state", "bge", 0, std::to_string(i));
  const std::vector<Event> some = events.Since(4, 3);
  ASSERT_EQ(some.size(), 3u);
  EXPECT_EQ(some.front().seq, 5u);
  EXPECT_EQ(some.back().seq, 7u);
  EXPECT_TRUE(events.Since(10).empty());
  EXPECT_TRUE(events.Since(1000).empty());
}

TEST(Events, FullRingForgetsTheOldest) {
  Events events(3);
  for (int i = 0; i < 5; ++i) events.Add("state", "bge", 0, std::to_string(i));
  const std::vector<Event> left = events.Since(0);
  ASSERT_EQ(left.size(), 3u);
  EXPECT_EQ(left.front().seq, 3u);
  EXPECT_EQ(left.back().seq, 5u);
}

TEST(Events, SubscriberIsCalledUntilItLeaves) {
  Events events;
  int calls = 0;
  const auto id = events.Subscribe([&calls] { ++calls; });
  events.Add("state", "bge", 0, "one");
  events.Unsubscribe(id);
  events.Add("state", "bge", 0, "two");
  EXPECT_EQ(calls, 1);
}

TEST(Events, ThreadsLeaveNoGapInTheNumbers) {
  Events events;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&events] {
      for (int i = 0; i < 100; ++i) events.Add("state", "bge", 0, "x");
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::vector<Event> all = events.Since(0);
  ASSERT_EQ(all.size(), 400u);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].seq, i + 1);
}

}  // namespace
}  // namespace berth::observe
