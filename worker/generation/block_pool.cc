#include "worker/generation/block_pool.h"

#include <algorithm>
#include <functional>

namespace berth::engine {
namespace {

// The finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit of the input moves every bit of the output.
std::uint64_t Mix(std::uint64_t value) {
  value += 0x9E3779B97F4A7C15ULL;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

}  // namespace

std::size_t BlockPool::LinkHash::operator()(const Link& link) const {
  std::uint64_t hash = Mix(seed ^ link.before);
  for (const std::int32_t token : link.tokens) hash = Mix(hash ^ static_cast<std::uint32_t>(token));
  return Mix(hash ^ std::hash<std::string>()(link.salt));
}

BlockPool::BlockPool(const Options& options)
    : keep_(options.keep),
      slots_(static_cast<std::size_t>(options.blocks)),
      index_(0, LinkHash{options.seed}) {
  index_.reserve(slots_.size());
  for (auto block = static_cast<BlockId>(options.blocks); block > 0; --block) AddFree(block - 1);
}

std::optional<BlockId> BlockPool::Allocate() {
  if (first_free_ == kNone) {
    if (oldest_ == kNone) return {};
    const BlockId evicted = oldest_;
    RemoveCached(evicted);
    Forget(At(evicted));
    AddFree(evicted);
  }
  const BlockId block = first_free_;
  first_free_ = At(block).next;
  --free_count_;
  At(block).holders = 1;
  return block;
}

void BlockPool::Release(BlockId block) {
  Slot& slot = At(block);
  if (--slot.holders > 0) return;
  if (slot.serial != 0 && keep_) return AddCached(block);
  if (slot.serial != 0) Forget(slot);
  AddFree(block);
}

std::optional<BlockPool::Found> BlockPool::Match(ChainSerial before, std::string_view salt,
                                                 std::span<const std::int32_t> tokens) {
  const auto found = index_.find(LinkOf(before, salt, tokens));
  if (found == index_.end()) return {};
  Hold(found->second);
  return Found{found->second, At(found->second).serial};
}

BlockPool::Found BlockPool::Publish(BlockId block, ChainSerial before, std::string_view salt,
                                    std::span<const std::int32_t> tokens) {
  const auto [entry, is_new] = index_.try_emplace(LinkOf(before, salt, tokens), block);
  if (is_new) {
    Slot& slot = At(block);
    slot.serial = ++last_serial_;
    slot.link = &entry->first;
    return {block, slot.serial};
  }
  const BlockId known = entry->second;
  if (known != block) {
    Hold(known);
    Release(block);
  }
  return {known, At(known).serial};
}

BlockPool::Link BlockPool::LinkOf(ChainSerial before, std::string_view salt,
                                  std::span<const std::int32_t> tokens) {
  Link link;
  link.before = before;
  std::ranges::copy(tokens.first(kBlockTokens), link.tokens.begin());
  if (before == 0) link.salt = salt;
  return link;
}

void BlockPool::Hold(BlockId block) {
  if (At(block).holders++ == 0) RemoveCached(block);
}

void BlockPool::AddFree(BlockId block) {
  At(block).next = first_free_;
  first_free_ = block;
  ++free_count_;
}

void BlockPool::AddCached(BlockId block) {
  Slot& slot = At(block);
  slot.previous = newest_;
  slot.next = kNone;
  (newest_ == kNone ? oldest_ : At(newest_).next) = block;
  newest_ = block;
  ++cached_;
}

void BlockPool::RemoveCached(BlockId block) {
  const Slot& slot = At(block);
  (slot.previous == kNone ? oldest_ : At(slot.previous).next) = slot.next;
  (slot.next == kNone ? newest_ : At(slot.next).previous) = slot.previous;
  --cached_;
}

void BlockPool::Forget(Slot& slot) {
  index_.erase(index_.find(*slot.link));
  slot.serial = 0;
}

std::string BlockPool::Audit() const {
  std::vector<char> listed(slots_.size(), 0);
  std::int64_t free_listed = 0, cached_listed = 0;
  const auto slot = [this](BlockId block) -> const Slot& { return slots_[static_cast<std::size_t>(block)]; };
  const auto mark = [&](BlockId block) { return listed[static_cast<std::size_t>(block)]++ != 0; };
  for (BlockId block = first_free_; block != kNone; block = slot(block).next, ++free_listed) {
    if (mark(block)) return "a free block is listed twice";
    if (slot(block).holders != 0 || slot(block).serial != 0) return "a free block is held or published";
  }
  BlockId before = kNone;
  for (BlockId block = oldest_; block != kNone; before = block, block = slot(block).next, ++cached_listed) {
    if (mark(block)) return "a cached block is listed twice, or free";
    if (slot(block).holders != 0 || slot(block).serial == 0) return "a cached block is held or not published";
    if (slot(block).previous != before) return "the list of cached blocks is not the same backwards";
  }
  if (before != newest_) return "the list of cached blocks does not end at the newest";
  if (free_listed != free_count_ || cached_listed != cached_) return "free or cached blocks are miscounted";
  std::size_t published = 0;
  for (const Slot& each : slots_) published += each.serial != 0 ? 1 : 0;
  if (published != index_.size()) return "published blocks and the index differ";
  for (const auto& [link, block] : index_) {
    if (slot(block).serial == 0 || slot(block).link != &link) return "the index names a block that is not its own";
  }
  const auto held = std::ranges::count_if(slots_, [](const Slot& each) { return each.holders > 0; });
  return held == used() ? "" : "used blocks are miscounted";
}

}  // namespace berth::engine
