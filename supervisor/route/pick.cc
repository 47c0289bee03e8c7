#include "supervisor/route/pick.h"

namespace berth::route {
namespace {

bool HasRoom(const Candidate& c) { return c.eligible && c.in_flight < c.window; }

std::uint64_t NextRandom(std::uint64_t& x) {
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  return x * 0x2545F4914F6CDD1DULL;
}

// a is less loaded than b, compared as fractions of their windows without division.
bool LessLoaded(const Candidate& a, const Candidate& b) {
  return static_cast<std::int64_t>(a.in_flight) * b.window < static_cast<std::int64_t>(b.in_flight) * a.window;
}

// Where a turn begins: the first candidate behind the last one served.
std::size_t FirstAfter(std::span<const Candidate> candidates, int last_replica) {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (candidates[i].replica > last_replica) return i;
  }
  return 0;
}

// The best in order of turns; with `by_load` a later one wins only when it is strictly less loaded.
std::optional<std::size_t> InTurn(std::span<const Candidate> candidates, int last_replica, bool by_load) {
  std::optional<std::size_t> best;
  const std::size_t start = FirstAfter(candidates, last_replica);
  for (std::size_t n = 0; n < candidates.size(); ++n) {
    const std::size_t i = (start + n) % candidates.size();
    if (!HasRoom(candidates[i])) continue;
    if (!by_load) return i;
    if (!best || LessLoaded(candidates[i], candidates[*best])) best = i;
  }
  return best;
}

std::optional<std::size_t> AtRandom(std::span<const Candidate> candidates, std::uint64_t& random) {
  std::size_t with_room = 0;
  for (const Candidate& c : candidates) with_room += HasRoom(c);
  if (with_room == 0) return std::nullopt;
  std::size_t nth = (NextRandom(random) >> 32) % with_room;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (HasRoom(candidates[i]) && nth-- == 0) return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> Pick(std::span<const Candidate> candidates, config::Balance balance, PickState& state) {
  const auto picked = balance == config::Balance::kRandom
                          ? AtRandom(candidates, state.random)
                          : InTurn(candidates, state.last_replica, balance == config::Balance::kLeastLoaded);
  if (picked) state.last_replica = candidates[*picked].replica;
  return picked;
}

}  // namespace berth::route
