#include "worker/speech/decoding/hypothesis_blocks.h"

#include <utility>

namespace berth::speech {

BlockPool::BlockPool(std::int64_t blocks) : users_(static_cast<std::size_t>(blocks), 0) {
  for (std::int64_t block = blocks; block-- > 0;) free_.push_back(static_cast<BlockId>(block));
}

BlockId BlockPool::Take() {
  const BlockId block = free_.back();
  free_.pop_back();
  users_[static_cast<std::size_t>(block)] = 1;
  return block;
}

void BlockPool::Return(BlockId block) {
  if (--users_[static_cast<std::size_t>(block)] == 0) free_.push_back(block);
}

void HypothesisBlocks::Begin(std::int64_t tokens) {
  Clear();
  rows_.emplace_back();
  for (std::int64_t room = 0; room < tokens; room += block_tokens_) rows_[0].push_back(pool_.Take());
}

// All of the new ones share first; then who has less than its own last block copies it, the last user keeps it.
std::vector<HypothesisBlocks::Copy> HypothesisBlocks::GoOn(std::span<const std::size_t> sources, std::int64_t tokens) {
  std::vector<std::vector<BlockId>> next;
  for (const std::size_t source : sources) {
    next.push_back(rows_[source]);
    for (const BlockId block : next.back()) pool_.Share(block);
  }
  Clear();
  rows_ = std::move(next);
  std::vector<Copy> copies;
  const bool full = tokens % block_tokens_ == 0;
  for (auto& row : rows_) {
    if (full) {
      row.push_back(pool_.Take());
    } else if (pool_.IsShared(row.back())) {
      const BlockId own = pool_.Take();
      copies.push_back({row.back(), own});
      pool_.Return(row.back());
      row.back() = own;
    }
  }
  return copies;
}

void HypothesisBlocks::Clear() {
  for (const auto& row : rows_) {
    for (const BlockId block : row) pool_.Return(block);
  }
  rows_.clear();
}

std::int64_t HypothesisBlocks::Most(std::int64_t hypotheses, std::int64_t prompt, std::int64_t tokens,
                                    std::int64_t block_tokens) {
  const std::int64_t whole = prompt / block_tokens, all = (tokens + block_tokens - 1) / block_tokens;
  return whole + hypotheses * (all - whole);
}

}  // namespace berth::speech
