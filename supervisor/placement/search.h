// Finds a device for every piece that starts at boot. Pure and deterministic.
#pragma once

#include <optional>
#include <vector>

#include "supervisor/placement/pieces.h"

namespace berth::placement {

// For each piece the index of its device; nothing for one that has none.
using Seats = std::vector<std::optional<std::size_t>>;

// In order, each piece to the device that its first model's `spread` prefers of those that take it: the freest (at
// a tie the first), or the one with the least room. What fits nowhere is left out, with all parts of its replica, and
// the others go on.
Seats PlaceInOrder(const std::vector<Piece>& pieces, Board& board);

struct Search {
  std::optional<Seats> seats;
  bool exhausted = false;  // there is no placement at all
};

// Backtracking, the hardest piece first, each to the device on which it leaves the least room; devices that are
// alike for it are tried once. It gives up after `tries` placed pieces.
Search PlaceHardestFirst(const std::vector<Piece>& pieces, const config::Plan& plan, int tries);

}  // namespace berth::placement
