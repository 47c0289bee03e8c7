#include "supervisor/route/byte_queue.h"

#include <gtest/gtest.h>

#include <random>

namespace berth::route {
namespace {

TEST(ByteQueue, WhatIsTakenIsGoneAndTheRestStays) {
  ByteQueue queue(std::string("head|body"));
  queue.Take(5);
  EXPECT_EQ(queue.view(), "body");
  queue.Append("+more");
  EXPECT_EQ(queue.view(), "body+more");
  queue.Take(9);
  EXPECT_TRUE(queue.empty());
  queue.Append("next");
  EXPECT_EQ(queue.view(), "next");
}

TEST(ByteQueue, SwapTakesTheMarkAlong) {
  ByteQueue a(std::string("xxab"));
  a.Take(2);
  ByteQueue b;
  b.Swap(a);
  EXPECT_EQ(b.view(), "ab");
  EXPECT_TRUE(a.empty());
  a.Append("c");
  EXPECT_EQ(a.view(), "c");
}

TEST(ByteQueue, IsAQueueWhateverTheSizes) {
  std::mt19937 random(7);
  ByteQueue queue;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string more(random() % 40, static_cast<char>('a' + i % 26));
    queue.Append(more);
    expected += more;
    const std::size_t taken = random() % (expected.size() + 1);
    queue.Take(taken);
    expected.erase(0, taken);
    ASSERT_EQ(queue.view(), expected) << i;
  }
}

}  // namespace
}  // namespace berth::route
