#include "supervisor/placement/placement.h"

#include <algorithm>
#include <map>
#include <optional>
#include <ranges>
#include <tuple>
#include <utility>

#include "supervisor/placement/pieces.h"
#include "supervisor/placement/search.h"
#include "supervisor/placement/waves.h"

namespace berth::placement {
namespace {

using config::Model;
using config::Plan;

// So many placed pieces, then the search gives up: some hundredths of a second for 200 replicas on 64 devices; longer
// where `together` binds many models.
constexpr int kTries = 20'000;
constexpr std::size_t kMostRefusals = 20;  // explained; how many more there are is said

// "bge 2 x 1 GiB, ears 2 GiB"
std::string Holders(const Board& board, std::size_t device) {
  std::map<std::string, int> replicas;
  for (const Tenant& tenant : board.On(device).list()) ++replicas[board.plan().models[tenant.model].name];
  std::string text;
  for (const auto& [name, count] : replicas) {
    if (!text.empty()) text += ", ";
    text += name + " ";
    if (count > 1) text += std::to_string(count) + " x ";
    text += FormatBytes(config::FindModel(board.plan(), name)->memory);
  }
  return text;
}

bool MayGo(const Piece& piece, std::size_t device) {
  return std::ranges::find(*piece.devices, device) != piece.devices->end();
}

// "cpu has 4 GiB of 12 GiB free (bge 2 x 4 GiB), 2.1 GiB missing", and, or instead, the rule that stands in the way.
std::string Obstacle(const Piece& piece, std::size_t device, const Board& board) {
  const config::Device& at = board.plan().devices[device];
  if (at.capacity().count == 0) return at.name + "'s memory is not known here; give it the key memory, or say `berth plan --device " + at.name + "=80GiB`";
  const Bytes free = board.Free(device);
  const std::string holders = Holders(board, device);
  std::string text;
  if (piece.need > free) {
    text = at.name + " has " + FormatBytes(free) + " of " + FormatBytes(at.capacity()) + " free" +
           (holders.empty() ? "" : " (" + holders + ")") + ", " + FormatBytes(piece.need - free) + " missing";
  }
  std::size_t newcomer = 0;
  if (const auto objection = board.Against(piece, device, &newcomer)) {
    text += (text.empty() ? "on " + at.name + ", " : ", and ") + board.rules().Text(*objection, newcomer);
  }
  return text;
}

// The freest of the devices that take the piece, or would if they had room; nothing when there is none.
std::optional<std::size_t> Freest(const Piece& piece, const Board& board, bool inside) {
  std::optional<std::size_t> best;
  for (std::size_t device = 0; device < board.plan().devices.size(); ++device) {
    std::size_t newcomer = 0;
    if (MayGo(piece, device) != inside || board.Against(piece, device, &newcomer)) continue;
    if (!best || board.Free(device) > board.Free(*best)) best = device;
  }
  return best;
}

std::string Remedy(const Piece& piece, const Board& board) {
  const auto name = [&](std::size_t device) { return board.plan().devices[device].name; };
  std::string text;
  const auto elsewhere = Freest(piece, board, false);
  if (elsewhere && board.Free(*elsewhere) >= piece.need) {
    text += "add " + name(*elsewhere) + " (" + FormatBytes(board.Free(*elsewhere)) + " free) to its devices, or ";
  }
  const auto here = Freest(piece, board, true);
  if (here && board.Free(*here).count > 0 && board.Free(*here) < piece.need) {
    text += "lower its memory to the " + FormatBytes(board.Free(*here)) + " free on " + name(*here) + ", or ";
  }
  if (!here && !piece.devices->empty()) text += "loosen the rule, or ";
  if (piece.replica > 0) text += "lower its replicas to " + std::to_string(piece.replica) + ", or ";
  return text + "give it start: manual";
}

Refusal Refuse(const Piece& piece, const Board& board, bool searched_all) {
  const config::Model& model = board.plan().models[piece.models.front()];
  std::string message = "model \"" + model.name + "\": replica " + std::to_string(piece.replica) +
                        " fits nowhere: it needs " + FormatBytes(piece.need);
  for (std::size_t i = 1; i < piece.models.size(); ++i) {
    message += (i == 1 ? " together with " : ", ") + board.plan().models[piece.models[i]].name;
  }
  for (std::size_t device = 0; device < board.plan().devices.size(); ++device) {
    if (MayGo(piece, device)) message += "; " + Obstacle(piece, device, board);
  }
  if (!searched_all) message += "; " + std::to_string(kTries) + " other placements were tried";
  return {model.name, piece.replica, message + "; " + Remedy(piece, board)};
}

// One refusal for each model, that of its first replica without a place: for others of it the reasons are the same.
std::vector<Refusal> Refusals(const std::vector<Piece>& pieces, const Seats& seats, const Board& board, bool searched_all) {
  std::vector<Refusal> refusals;
  std::size_t more = 0;
  const std::vector<std::size_t>* last = nullptr;  // pieces of the same models follow one another
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (seats[i] || !pieces[i].boot || (last != nullptr && *last == pieces[i].models)) continue;
    last = &pieces[i].models;
    if (refusals.size() < kMostRefusals) {
      refusals.push_back(Refuse(pieces[i], board, searched_all));
    } else {
      ++more;
    }
  }
  if (more > 0) refusals.back().message += "; and " + std::to_string(more) + " more models fit nowhere";
  return refusals;
}

// What is started by hand is counted nowhere, and gets a device that suits it best: one that rules leave to it beside
// what starts at boot, and beside the others that are started by hand, with room for all of these, and then the freest.
// Whether it may start there, the ledger decides when it does.
void PlaceByHand(const std::vector<Piece>& pieces, const Board& board, Seats& seats) {
  const Plan& plan = board.plan();
  std::vector<Tenants> later;  // all of them, should all be started
  for (std::size_t device = 0; device < plan.devices.size(); ++device) later.push_back(board.On(device));
  std::vector<Bytes> taken(plan.devices.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].boot) continue;
    const std::size_t model = pieces[i].models.front();
    Bytes need;
    for (const std::size_t member : pieces[i].models) need += plan.models[member].memory;
    const auto fits = [&](std::size_t device) { return taken[device] + need <= board.Free(device); };
    const auto rank = [&](std::size_t device) {
      return std::tuple(!board.rules().Against(model, board.On(device)), !board.rules().Against(model, later[device]),
                        fits(device), board.Free(device));
    };
    for (const std::size_t device : *pieces[i].devices) {
      if (!seats[i] || rank(device) > rank(*seats[i])) seats[i] = device;
    }
    if (!seats[i]) continue;
    for (const std::size_t member : pieces[i].models) later[*seats[i]].Add(board.rules(), {member, pieces[i].replica});
    if (fits(*seats[i])) taken[*seats[i]] += need;
  }
}

Placement Assign(const Plan& plan, const std::vector<Piece>& pieces, const Seats& seats, const std::vector<int>& waves) {
  std::vector<std::pair<std::size_t, std::size_t>> order;  // model, piece
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    for (const std::size_t model : pieces[i].models) order.emplace_back(model, i);
  }
  std::ranges::stable_sort(order, {}, [&](const auto& entry) {
    return std::pair(waves[entry.first], -plan.models[entry.first].priority);
  });
  Placement placement;
  for (const auto& [index, piece] : order) {
    const Model& model = plan.models[index];
    placement.assignments.push_back({model.name, pieces[piece].replica, plan.devices[*seats[piece]].name, model.memory,
                                     model.threads, waves[index]});
  }
  return placement;
}

}  // namespace

std::variant<Placement, std::vector<Refusal>> Place(const Plan& plan) {
  const std::vector<int> waves = Waves(plan);
  const std::vector<Piece> pieces = Pieces(plan, waves);
  Board board(plan);
  Seats seats = PlaceInOrder(pieces, board);
  const auto lacks = [&](std::size_t i) { return !seats[i] && pieces[i].boot; };
  if (std::ranges::any_of(std::views::iota(std::size_t{0}, pieces.size()), lacks)) {
    Search search = PlaceHardestFirst(pieces, plan, kTries);
    if (!search.seats) return Refusals(pieces, seats, board, search.exhausted);
    seats = std::move(*search.seats);
  }
  Board settled(plan);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (seats[i]) settled.Put(pieces[i], *seats[i]);
  }
  PlaceByHand(pieces, settled, seats);
  return Assign(plan, pieces, seats, waves);
}

}  // namespace berth::placement
