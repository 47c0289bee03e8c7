// Who holds which block of the KV cache, and which full blocks can serve another sequence that begins with the same
// tokens: paging with reference counts (Kwon et al. 2023, "PagedAttention") and a prefix cache over it. A block is in
// one of three states:
//
//     free ── Allocate() ──▶ used ◀── Match() ── cached
//       ▲                     │ Release() of the last holder   │
//       ├──── not published ──┴──── published ──▶──────────────┤
//       └──────────────── evicted, the longest unused first ───┘
//
// A published block is found again by its link: the 16 tokens in it and the serial number of the block before it,
// which stands for that block's whole prefix and is never given twice; the first of a chain has the salt instead. Links
// are compared wholly, so that a collision of hashes is never a hit. Holders release a sequence's blocks from its end, so
// a block is evicted after all that follow it. Every operation takes constant time per block. Pure: no thread, no
// clock; one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "worker/engine/decoder.h"

namespace berth::engine {

// A link of a chain: 0 before the first block.
using ChainSerial = std::uint64_t;

class BlockPool {
 public:
  struct Options {
    std::int64_t blocks = 0;
    bool keep = true;         // published blocks that nobody holds; else they are free at once
    std::uint64_t seed = 0;   // of the hash, so that nobody can choose colliding prompts
  };
  explicit BlockPool(const Options& options);

  // A block of unknown contents for one holder; evicts a cached one when none is free. Nothing: all are used.
  std::optional<BlockId> Allocate();
  // One holder less.
  void Release(BlockId block);

  // The block that holds `tokens` behind the chain `before`, with one holder more.
  struct Found {
    BlockId block = 0;
    ChainSerial serial = 0;
  };
  std::optional<Found> Match(ChainSerial before, std::string_view salt, std::span<const std::int32_t> tokens);

  // Says that `block`, held by the caller, holds these tokens' keys and values. When another block does already, the
  // caller gets that one in its place. `salt` counts for the first block of a chain alone.
  Found Publish(BlockId block, ChainSerial before, std::string_view salt, std::span<const std::int32_t> tokens);

  std::int64_t blocks() const { return static_cast<std::int64_t>(slots_.size()); }
  std::int64_t free() const { return free_count_; }
  std::int64_t cached() const { return cached_; }
  std::int64_t used() const { return blocks() - free_count_ - cached_; }
  std::int64_t available() const { return free_count_ + cached_; }
  int holders(BlockId block) const { return slots_[static_cast<std::size_t>(block)].holders; }

  // What is wrong with the books, for tests; empty: nothing. Takes time in proportion to the pool.
  std::string Audit() const;

 private:
  struct Link {
    ChainSerial before = 0;
    std::array<std::int32_t, kBlockTokens> tokens{};
    std::string salt;
    bool operator==(const Link&) const = default;
  };
  struct LinkHash {
    std::uint64_t seed = 0;
    std::size_t operator()(const Link& link) const;
  };
  using Index = std::unordered_map<Link, BlockId, LinkHash>;
  static constexpr BlockId kNone = -1;

  struct Slot {
    int holders = 0;
    ChainSerial serial = 0;       // 0: not published
    const Link* link = nullptr;   // its key in the index, when published
    BlockId previous = kNone;     // in the list of cached blocks, the longest unused first,
    BlockId next = kNone;         // or in that of free ones, which uses `next` alone
  };

  Slot& At(BlockId block) { return slots_[static_cast<std::size_t>(block)]; }
  static Link LinkOf(ChainSerial before, std::string_view salt, std::span<const std::int32_t> tokens);
  void Hold(BlockId block);
  void AddFree(BlockId block);
  void AddCached(BlockId block);
  void RemoveCached(BlockId block);
  void Forget(Slot& slot);

  const bool keep_;
  std::vector<Slot> slots_;
  Index index_;
  ChainSerial last_serial_ = 0;
  BlockId first_free_ = kNone;
  BlockId oldest_ = kNone;  // of the cached
  BlockId newest_ = kNone;
  std::int64_t free_count_ = 0;
  std::int64_t cached_ = 0;
};

}  // namespace berth::engine
