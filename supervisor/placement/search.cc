#include "supervisor/placement/search.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace berth::placement {
namespace {

bool IsExclusive(const Piece& piece, const config::Plan& plan) {
  return plan.models[piece.models.front()].sharing == config::Sharing::kExclusive;
}

// The hardest first: few devices to go to, alone there, large.
std::vector<std::size_t> ByHardness(const std::vector<Piece>& pieces, const config::Plan& plan) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].boot) order.push_back(i);
  }
  std::ranges::stable_sort(order, {}, [&](std::size_t i) {
    const Piece& piece = pieces[i];
    return std::tuple(piece.devices->size(), !IsExclusive(piece, plan), ~piece.need.count);
  });
  return order;
}

// Devices to which the same models may go, by a number for each set of models.
std::vector<std::size_t> Kinds(const std::vector<Piece>& pieces, std::size_t devices) {
  std::vector<std::vector<std::size_t>> guests(devices);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0 && pieces[i].devices == pieces[i - 1].devices) continue;
    for (const std::size_t device : *pieces[i].devices) guests[device].push_back(i);
  }
  std::map<std::vector<std::size_t>, std::size_t> numbers;
  std::vector<std::size_t> kinds;
  for (const auto& list : guests) kinds.push_back(numbers.emplace(list, numbers.size()).first->second);
  return kinds;
}

class Backtracking {
 public:
  Backtracking(const std::vector<Piece>& pieces, const config::Plan& plan, int tries)
      : pieces_(pieces), board_(plan), order_(ByHardness(pieces, plan)), kinds_(Kinds(pieces, plan.devices.size())),
        tries_(tries) {}

  // A stack of its own: a plan may have hundreds of thousands of replicas.
  Search Run() {
    if (order_.empty()) return {Seats(pieces_.size()), false};
    levels_.push_back(Begin(0));
    while (!levels_.empty()) {
      Level& level = levels_.back();
      const Piece& piece = pieces_[order_[levels_.size() - 1]];
      if (level.placed) board_.TakeBack(piece, level.candidates[level.next - 1]);
      level.placed = level.next < level.candidates.size();
      if (!level.placed) {
        levels_.pop_back();
        continue;
      }
      if (tries_-- == 0) return {};
      board_.Put(piece, level.candidates[level.next++]);
      if (levels_.size() == order_.size()) return {Result(), false};
      levels_.push_back(Begin(levels_.size()));
    }
    return {std::nullopt, true};
  }

 private:
  struct Level {
    std::vector<std::size_t> candidates;
    std::size_t next = 0;
    bool placed = false;  // on the candidate before `next`
    std::vector<std::size_t> done;  // of a later part of a replica: devices that an earlier part has tried to the end
  };

  // Tightest first. Of empty devices of one kind and size one is enough.
  Level Begin(std::size_t depth) const {
    const Piece& piece = pieces_[order_[depth]];
    Level level;
    // The parts of a replica are alike: a set of devices is tried once, whichever part has which.
    if (piece.part > 0) {
      const Level& before = levels_.back();
      level.done = before.done;
      level.done.insert(level.done.end(), before.candidates.begin(), before.candidates.begin() + static_cast<std::ptrdiff_t>(before.next) - 1);
    }
    for (const std::size_t device : *piece.devices) {
      const bool done = std::ranges::find(level.done, device) != level.done.end();
      if (!done && board_.Takes(piece, device)) level.candidates.push_back(device);
    }
    std::ranges::stable_sort(level.candidates, {}, [&](std::size_t d) { return board_.Free(d); });
    std::vector<std::size_t> unlike;
    for (const std::size_t device : level.candidates) {
      const auto same_room = std::ranges::lower_bound(unlike, board_.Free(device), {}, [&](std::size_t d) { return board_.Free(d); });
      const auto alike = [&](std::size_t other) { return Alike(device, other); };
      if (std::none_of(same_room, unlike.end(), alike)) unlike.push_back(device);
    }
    level.candidates = std::move(unlike);
    return level;
  }

  bool Alike(std::size_t a, std::size_t b) const {
    return board_.On(a).list().empty() && board_.On(b).list().empty() && board_.Free(a) == board_.Free(b) &&
           kinds_[a] == kinds_[b] && board_.plan().devices[a].is_cpu() == board_.plan().devices[b].is_cpu();
  }

  Seats Result() const {
    Seats seats(pieces_.size());
    for (std::size_t depth = 0; depth < levels_.size(); ++depth) {
      seats[order_[depth]] = levels_[depth].candidates[levels_[depth].next - 1];
    }
    return seats;
  }

  const std::vector<Piece>& pieces_;
  Board board_;
  const std::vector<std::size_t> order_;
  const std::vector<std::size_t> kinds_;
  int tries_;
  std::vector<Level> levels_;
};

}  // namespace

namespace {

std::optional<std::size_t> Preferred(const Piece& piece, const Board& board) {
  const bool pack = board.plan().models[piece.models.front()].spread == config::Spread::kPack;
  std::optional<std::size_t> best;
  for (const std::size_t device : *piece.devices) {
    if (!board.Takes(piece, device)) continue;
    const bool better = !best || (pack ? board.Free(device) < board.Free(*best) : board.Free(device) > board.Free(*best));
    if (better) best = device;
  }
  return best;
}

}  // namespace

Seats PlaceInOrder(const std::vector<Piece>& pieces, Board& board) {
  Seats seats(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    const bool lost = piece.part > 0 && !seats[i - 1];  // an earlier part has no place
    if (!piece.boot || lost) continue;
    seats[i] = Preferred(piece, board);
    if (seats[i]) {
      board.Put(piece, *seats[i]);
      continue;
    }
    for (int part = piece.part; part > 0; --part) {
      std::optional<std::size_t>& earlier = seats[i - static_cast<std::size_t>(part)];
      board.TakeBack(piece, *std::exchange(earlier, std::nullopt));
    }
  }
  return seats;
}

Search PlaceHardestFirst(const std::vector<Piece>& pieces, const config::Plan& plan, int tries) {
  return Backtracking(pieces, plan, tries).Run();
}

}  // namespace berth::placement
