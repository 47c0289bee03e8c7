// In which blocks of the cache the tokens of a window's hypotheses are. A fork shares whole blocks and copies the last one
// that is not full, so a beam costs little more than what its hypotheses do not have in common. Pure: says what is to be
// copied, and copies nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace berth::speech {

using BlockId = std::int32_t;

// The free blocks of a cache, and how many refer to each of the others.
class BlockPool {
 public:
  explicit BlockPool(std::int64_t blocks);

  std::int64_t free() const { return static_cast<std::int64_t>(free_.size()); }
  BlockId Take();  // needs free() > 0
  void Share(BlockId block) { ++users_[static_cast<std::size_t>(block)]; }
  void Return(BlockId block);
  bool IsShared(BlockId block) const { return users_[static_cast<std::size_t>(block)] > 1; }

 private:
  std::vector<BlockId> free_;
  std::vector<int> users_;
};

class HypothesisBlocks {
 public:
  struct Copy {
    BlockId from, to;
    bool operator==(const Copy&) const = default;
  };

  HypothesisBlocks(BlockPool& pool, std::int64_t block_tokens) : pool_(pool), block_tokens_(block_tokens) {}
  ~HypothesisBlocks() { Clear(); }
  HypothesisBlocks(const HypothesisBlocks&) = delete;
  HypothesisBlocks& operator=(const HypothesisBlocks&) = delete;

  // One hypothesis with room for `tokens`.
  void Begin(std::int64_t tokens);
  // Hypothesis i of the new ones goes on from sources[i], which has `tokens` tokens, and gets room for one more.
  std::vector<Copy> GoOn(std::span<const std::size_t> sources, std::int64_t tokens);
  void Clear();

  std::span<const BlockId> of(std::size_t hypothesis) const { return rows_[hypothesis]; }

  // The most blocks that are taken at once by `hypotheses` of `tokens` tokens each, `prompt` of them the same.
  static std::int64_t Most(std::int64_t hypotheses, std::int64_t prompt, std::int64_t tokens, std::int64_t block_tokens);

 private:
  BlockPool& pool_;
  const std::int64_t block_tokens_;
  std::vector<std::vector<BlockId>> rows_;
};

}  // namespace berth::speech
