#include "worker/generation/block_pool.h"

#include <gtest/gtest.h>

#include <numeric>

namespace berth::engine {
namespace {

std::vector<std::int32_t> Tokens(int first) {
  std::vector<std::int32_t> tokens(kBlockTokens);
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// A block that holds these tokens, published and released.
BlockPool::Found Cache(BlockPool& pool, ChainSerial before, int first, std::string_view salt = "") {
  const auto found = pool.Publish(*pool.Allocate(), before, salt, Tokens(first));
  pool.Release(found.block);
  return found;
}

TEST(BlockPool, GivesEachBlockOnceAndThenNone) {
  BlockPool pool({.blocks = 3});
  EXPECT_EQ(pool.Allocate(), 0);
  EXPECT_EQ(pool.Allocate(), 1);
  EXPECT_EQ(pool.Allocate(), 2);
  EXPECT_FALSE(pool.Allocate());
  pool.Release(1);
  EXPECT_EQ(pool.Allocate(), 1);
  EXPECT_EQ(pool.Audit(), "");
}

TEST(BlockPool, ABlockIsFreeWhenItsLastHolderLeaves) {
  BlockPool pool({.blocks = 2});
  const auto first = pool.Publish(*pool.Allocate(), 0, "", Tokens(1));
  const auto second = pool.Match(0, "", Tokens(1));
  ASSERT_TRUE(second);
  EXPECT_EQ(second->block, first.block);
  EXPECT_EQ(pool.holders(first.block), 2);
  pool.Release(first.block);
  EXPECT_EQ(pool.used(), 1);
  pool.Release(first.block);
  EXPECT_EQ(pool.used(), 0);
  EXPECT_EQ(pool.cached(), 1);
  EXPECT_EQ(pool.Audit(), "");
}

TEST(BlockPool, APrefixIsFoundByItsTokensItsPredecessorAndItsSalt) {
  BlockPool pool({.blocks = 8});
  const auto first = Cache(pool, 0, 1, "a");
  const auto second = Cache(pool, first.serial, 50, "a");
  EXPECT_TRUE(pool.Match(first.serial, "a", Tokens(50)));
  EXPECT_FALSE(pool.Match(0, "b", Tokens(1))) << "another salt";
  EXPECT_FALSE(pool.Match(0, "a", Tokens(50))) << "the same tokens, at another place";
  EXPECT_FALSE(pool.Match(second.serial, "a", Tokens(50))) << "behind another block";
  EXPECT_FALSE(pool.Match(first.serial, "a", Tokens(51))) << "other tokens";
}

TEST(BlockPool, EvictsTheLongestUnused) {
  BlockPool pool({.blocks = 3});
  Cache(pool, 0, 100);
  Cache(pool, 0, 200);
  Cache(pool, 0, 300);
  const auto used_again = pool.Match(0, "", Tokens(100));
  ASSERT_TRUE(used_again);
  pool.Release(used_again->block);
  ASSERT_TRUE(pool.Allocate());  // evicts 200
  EXPECT_FALSE(pool.Match(0, "", Tokens(200)));
  EXPECT_TRUE(pool.Match(0, "", Tokens(300)));
  EXPECT_TRUE(pool.Match(0, "", Tokens(100)));
  EXPECT_FALSE(pool.Allocate()) << "what is held is never evicted";
  EXPECT_EQ(pool.Audit(), "");
}

TEST(BlockPool, WhoComputesAKnownBlockGetsTheKnownOne) {
  BlockPool pool({.blocks = 4});
  const BlockId mine = *pool.Allocate(), yours = *pool.Allocate();
  const auto first = pool.Publish(mine, 0, "", Tokens(1));
  const auto second = pool.Publish(yours, 0, "", Tokens(1));
  EXPECT_EQ(second.block, mine);
  EXPECT_EQ(second.serial, first.serial);
  EXPECT_EQ(pool.holders(mine), 2);
  EXPECT_EQ(pool.holders(yours), 0);
  EXPECT_EQ(pool.used(), 1);
  EXPECT_EQ(pool.Audit(), "");
}

TEST(BlockPool, APredecessorThatWasEvictedAndComputedAgainIsAnother) {
  BlockPool pool({.blocks = 2});
  const auto first = Cache(pool, 0, 1);
  const BlockId one = *pool.Allocate(), two = *pool.Allocate();  // evicts it
  pool.Release(one);
  pool.Release(two);
  const auto again = Cache(pool, 0, 1);
  EXPECT_NE(again.serial, first.serial);
  EXPECT_FALSE(pool.Match(first.serial, "", Tokens(1)));
}

TEST(BlockPool, WithoutKeepingOnlyHeldBlocksAreShared) {
  BlockPool pool({.blocks = 2, .keep = false});
  const auto held = pool.Publish(*pool.Allocate(), 0, "", Tokens(1));
  const auto shared = pool.Match(0, "", Tokens(1));
  ASSERT_TRUE(shared);
  pool.Release(held.block);
  pool.Release(shared->block);
  EXPECT_FALSE(pool.Match(0, "", Tokens(1)));
  EXPECT_EQ(pool.free(), 2);
  EXPECT_EQ(pool.Audit(), "");
}

}  // namespace
}  // namespace berth::engine
