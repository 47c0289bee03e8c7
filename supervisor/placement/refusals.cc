#include "supervisor/placement/refusals.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace berth::placement {
namespace {

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
  std::set<std::size_t> told;
  for (const Tenant& tenant : board.On(device).list()) {
    const auto set = board.weights().SetOf(tenant.model, board.plan().devices[device]);
    if (!set || !told.insert(*set).second) continue;
    text += ", weights of " + board.plan().models[tenant.model].name + " " + FormatBytes(board.weights().bytes(*set));
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
  const Bytes need = board.Need(piece, device);
  if (need > free) {
    text = at.name + " has " + FormatBytes(free) + " of " + FormatBytes(at.capacity()) + " free" +
           (holders.empty() ? "" : " (" + holders + ")") + ", " + FormatBytes(need - free) + " missing";
    if (need > piece.need) text += " (its weights would take " + FormatBytes(need - piece.need) + ")";
  }
  std::size_t newcomer = 0;
  if (const auto objection = board.Against(piece, device, &newcomer)) {
    text += (text.empty() ? "on " + at.name + ", " : ", and ") + board.rules().Text(*objection, newcomer);
  }
  return text.empty() ? at.name + " would take it" : text;  // of a replica on several devices: it is too few
}

// The devices, among those where it may go or among the others, that take the piece, or would if they had room; the
// freest first.
std::vector<std::size_t> Freest(const Piece& piece, const Board& board, bool inside) {
  std::vector<std::size_t> devices;
  for (std::size_t device = 0; device < board.plan().devices.size(); ++device) {
    std::size_t newcomer = 0;
    if (MayGo(piece, device) == inside && !board.Against(piece, device, &newcomer)) devices.push_back(device);
  }
  std::ranges::stable_sort(devices, std::greater<>(), [&](std::size_t device) { return board.Free(device); });
  return devices;
}

std::string Remedy(const Piece& piece, const Board& board) {
  const auto name = [&](std::size_t device) { return board.plan().devices[device].name; };
  const auto has_room = [&](std::size_t device) { return board.Free(device) >= board.Need(piece, device); };
  const auto parts = static_cast<std::size_t>(piece.parts);
  std::string text;
  const std::vector<std::size_t> inside = Freest(piece, board, true), elsewhere = Freest(piece, board, false);
  const auto takers = static_cast<std::size_t>(std::ranges::count_if(inside, has_room));
  if (!elsewhere.empty() && has_room(elsewhere.front()) && takers + 1 >= parts) {
    text += "add " + name(elsewhere.front()) + " (" + FormatBytes(board.Free(elsewhere.front())) + " free) to its devices, or ";
  }
  const auto here = inside.size() < parts ? std::nullopt : std::optional(inside[parts - 1]);  // the last that it would get
  const auto left = [&](std::size_t device) {  // for its own memory
    const Bytes weights = board.Need(piece, device) - piece.need;
    return board.Free(device) > weights ? board.Free(device) - weights : Bytes{};
  };
  if (here && left(*here).count > 0 && !has_room(*here)) {
    text += "lower its memory to the " + FormatBytes(left(*here)) + " free on " + name(*here) + ", or ";
  }
  if (!here && !piece.devices->empty()) text += "loosen the rule, or ";
  if (piece.replica > 0) text += "lower its replicas to " + std::to_string(piece.replica) + ", or ";
  return text + "give it start: manual";
}

Refusal Refuse(const Piece& piece, const Board& board, std::optional<int> tries) {
  const config::Model& model = board.plan().models[piece.models.front()];
  std::string message = "model \"" + model.name + "\": replica " + std::to_string(piece.replica) +
                        " fits nowhere: it needs " + FormatBytes(piece.need);
  if (piece.parts > 1) message += " on each of " + std::to_string(piece.parts) + " devices";
  for (std::size_t i = 1; i < piece.models.size(); ++i) {
    message += (i == 1 ? " together with " : ", ") + board.plan().models[piece.models[i]].name;
  }
  for (std::size_t device = 0; device < board.plan().devices.size(); ++device) {
    if (MayGo(piece, device)) message += "; " + Obstacle(piece, device, board);
  }
  if (tries) message += "; " + std::to_string(*tries) + " other placements were tried";
  return {model.name, piece.replica, message + "; " + Remedy(piece, board)};
}

Bytes WeightsOn(const config::Device& device, const config::Model& model) { return device.is_cpu() ? model.mapped : Bytes{}; }

Refusal NeverFits(const Piece& piece, const config::Model& model, const config::Plan& plan) {
  std::string message = "model \"" + model.name + "\": it can never be started: each replica needs " + FormatBytes(model.memory);
  if (piece.parts > 1) message += " on each of " + std::to_string(piece.parts) + " devices";
  for (const std::size_t device : *piece.devices) {
    message += "; " + plan.devices[device].name + " has " + FormatBytes(plan.devices[device].capacity()) + " in all";
  }
  return {model.name, piece.replica, message + "; lower its memory, or add other devices to its `devices`"};
}

}  // namespace

std::vector<Refusal> Refusals(const std::vector<Piece>& pieces, const Seats& seats, const Board& board, std::optional<int> tries) {
  std::vector<Refusal> refusals;
  std::size_t more = 0;
  const std::vector<std::size_t>* last = nullptr;  // pieces of the same models follow one another
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (seats[i] || !pieces[i].boot || (last != nullptr && *last == pieces[i].models)) continue;
    last = &pieces[i].models;
    if (refusals.size() < kMostRefusals) {
      refusals.push_back(Refuse(pieces[i], board, tries));
    } else {
      ++more;
    }
  }
  if (more > 0) refusals.back().message += "; and " + std::to_string(more) + " more models fit nowhere";
  return refusals;
}

std::vector<Refusal> WhatNeverFits(const std::vector<Piece>& pieces, const config::Plan& plan) {
  std::vector<Refusal> refusals;
  for (const Piece& piece : pieces) {
    if (piece.part > 0 || piece.replica > 0) continue;  // replica 0 has all models of the piece, and the fewest devices
    for (const std::size_t index : piece.models) {
      const config::Model& model = plan.models[index];
      if (model.start == config::Start::kBoot) continue;
      const auto may_hold = [&](std::size_t device) {
        const Bytes capacity = plan.devices[device].capacity();
        return capacity.count == 0 || model.memory + WeightsOn(plan.devices[device], model) <= capacity;  // 0: not known here
      };
      if (std::ranges::count_if(*piece.devices, may_hold) < piece.parts) refusals.push_back(NeverFits(piece, model, plan));
    }
  }
  return refusals;
}

}  // namespace berth::placement
