#include "worker/text/merge_table.h"

#include <utility>

namespace berth::text {

void MergeTable::Add(TokenId left, TokenId right, Merge merge) {
  if (2 * (count_ + 1) > slots_.size()) Grow();
  const std::uint64_t pair = KeyOf(left, right);
  std::size_t at = IndexOf(pair);
  while (slots_[at].merge.id != kNone && slots_[at].pair != pair) at = (at + 1) & (slots_.size() - 1);
  if (slots_[at].merge.id == kNone) ++count_;
  slots_[at] = {pair, merge};
}

void MergeTable::Grow() {
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots_.empty() ? 64 : 2 * slots_.size()));
  for (const Slot& slot : old) {
    if (slot.merge.id == kNone) continue;
    std::size_t at = IndexOf(slot.pair);
    while (slots_[at].merge.id != kNone) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

}  // namespace berth::text
