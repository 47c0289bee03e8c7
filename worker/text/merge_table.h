// Which two neighbouring tokens become which token, and which such pair goes first. A hash table with open addressing:
// encoding looks up every pair of neighbours. Immutable once built.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "worker/text/tokenizer.h"

namespace berth::text {

class MergeTable {
 public:
  struct Merge {
    std::uint32_t rank = 0;  // the least goes first
    TokenId id = kNone;      // what the pair becomes
  };
  static constexpr TokenId kNone = -1;

  // Of two merges of one pair the later one stands, as in the original library.
  void Add(TokenId left, TokenId right, Merge merge);

  // id is kNone where the pair does not merge.
  Merge Find(TokenId left, TokenId right) const {
    if (slots_.empty()) return {};
    const std::uint64_t pair = KeyOf(left, right);
    std::size_t at = IndexOf(pair);
    while (slots_[at].merge.id != kNone && slots_[at].pair != pair) at = (at + 1) & (slots_.size() - 1);
    return slots_[at].merge;
  }

  std::size_t size() const { return count_; }

 private:
  struct Slot {
    std::uint64_t pair = 0;
    Merge merge;
  };
  static std::uint64_t KeyOf(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
  }
  std::size_t IndexOf(std::uint64_t pair) const {
    const std::uint64_t mixed = (pair ^ pair >> 29) * 0x9E3779B97F4A7C15ULL;
    return (mixed >> 32) & (slots_.size() - 1);
  }
  void Grow();

  std::vector<Slot> slots_;  // a power of two of them, at most half full
  std::size_t count_ = 0;
};

}  // namespace berth::text
