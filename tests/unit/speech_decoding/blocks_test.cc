#include "worker/speech/decoding/hypothesis_blocks.h"

#include <gtest/gtest.h>

#include <set>

namespace berth::speech {
namespace {

using Sources = std::vector<std::size_t>;
using Copies = std::vector<HypothesisBlocks::Copy>;

TEST(HypothesisBlocks, AForkSharesWholeBlocksAndCopiesTheLastOne) {
  BlockPool pool(10);
  HypothesisBlocks blocks(pool, 4);
  blocks.Begin(6);
  EXPECT_EQ(std::vector(blocks.of(0).begin(), blocks.of(0).end()), (std::vector<BlockId>{0, 1}));
  EXPECT_EQ(blocks.GoOn(Sources{0, 0, 0}, 6), (Copies{{1, 2}, {1, 3}}));
  EXPECT_EQ(pool.free(), 6);
  EXPECT_EQ(std::vector(blocks.of(2).begin(), blocks.of(2).end()), (std::vector<BlockId>{0, 1}));
  // One more token each, without a fork: all own their last block.
  EXPECT_TRUE(blocks.GoOn(Sources{0, 1, 2}, 7).empty());
  // Now it is full: each gets its own next one.
  EXPECT_TRUE(blocks.GoOn(Sources{2, 2, 0}, 8).empty());
  EXPECT_EQ(blocks.of(0).size(), 3u);
  EXPECT_EQ(blocks.of(0)[1], blocks.of(1)[1]);
  EXPECT_NE(blocks.of(0)[2], blocks.of(1)[2]);
  blocks.Clear();
  EXPECT_EQ(pool.free(), 10);
}

TEST(HypothesisBlocks, AHypothesisThatNobodyGoesOnFromGivesItsBlocksBack) {
  BlockPool pool(10);
  HypothesisBlocks blocks(pool, 4);
  blocks.Begin(2);
  blocks.GoOn(Sources{0, 0}, 2);
  EXPECT_EQ(pool.free(), 8);
  blocks.GoOn(Sources{1}, 3);
  EXPECT_EQ(pool.free(), 9);
}

TEST(HypothesisBlocks, WhatIsForetoldIsEnoughWhateverForks) {
  for (const std::int64_t prompt : {1, 3, 4, 9}) {
    const std::int64_t tokens = 21, beam = 5;
    const std::int64_t most = HypothesisBlocks::Most(beam, prompt, tokens, 4);
    BlockPool pool(most);
    HypothesisBlocks blocks(pool, 4);
    blocks.Begin(prompt);
    std::size_t live = 1;
    for (std::int64_t t = prompt; t < tokens; ++t) {
      Sources sources(static_cast<std::size_t>(beam));
      for (std::size_t i = 0; i < sources.size(); ++i) sources[i] = (i * i + static_cast<std::size_t>(t)) % live;
      for (const auto& copy : blocks.GoOn(sources, t)) EXPECT_NE(copy.from, copy.to);
      live = sources.size();
      std::set<BlockId> last;
      for (std::size_t i = 0; i < live; ++i) last.insert(blocks.of(i).back());
      EXPECT_EQ(last.size(), live) << "nobody writes where another one reads";
      ASSERT_GE(pool.free(), 0);
    }
  }
}

}  // namespace
}  // namespace berth::speech
