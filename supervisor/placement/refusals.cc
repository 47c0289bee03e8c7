#include "supervisor/placement/refusals.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <utility>

namespace berth::placement {
namespace {

// So much is told, and of the rest how much there is: a plan may have hundreds of devices and thousands of models.
constexpr std::size_t kMostRefusals = 20;
constexpr std::size_t kMostReasons = 8;
constexpr std::size_t kMostNames = 3;    // of devices for one reason
constexpr std::size_t kMostHolders = 6;  // of one device

// "bge 2 x 1 GiB, ears 2 GiB, weights of bge 127 MiB"
std::string Holders(const Board& board, std::size_t device) {
  std::map<std::string, int> replicas;
  for (const Tenant& tenant : board.On(device).list()) ++replicas[board.plan().models[tenant.model].name];
  std::string text;
  std::size_t told = 0;
  for (const auto& [name, count] : replicas) {
    if (++told > kMostHolders) break;
    text += (told == 1 ? "" : ", ") + name + " " + (count > 1 ? std::to_string(count) + " x " : "") +
            FormatBytes(config::FindModel(board.plan(), name)->memory);
  }
  if (replicas.size() > kMostHolders) text += " and " + std::to_string(replicas.size() - kMostHolders) + " more models";
  SharedList shared(board.weights(), board.plan());
  for (const Tenant& tenant : board.On(device).list()) shared.Add(tenant.model, board.plan().devices[device]);
  told = 0;
  for (const SharedWeights& weights : shared.all()) {
    if (++told <= kMostHolders) text += ", weights of " + weights.models.front() + " " + FormatBytes(weights.bytes);
  }
  return text;
}

bool MayGo(const Piece& piece, std::size_t device) {
  return std::ranges::find(*piece.devices, device) != piece.devices->end();
}

// Why a device does not take the piece.
struct Obstacle {
  std::string what;  // what stands behind the device's name
  Bytes missing;
};

// "has 4 GiB of 12 GiB free (bge 2 x 4 GiB), 2.1 GiB missing", and, or instead, the rule that stands in the way.
Obstacle ObstacleOn(const Piece& piece, std::size_t device, const Board& board) {
  const config::Device& at = board.plan().devices[device];
  if (at.capacity().count == 0) {
    return {"has a size that is not known here; give it the key memory, or say `berth plan --device " + at.name + "=80GiB`", {}};
  }
  const Bytes free = board.Free(device), need = board.Need(piece, device);
  Obstacle obstacle;
  if (need > free) {
    const std::string holders = Holders(board, device);
    obstacle.missing = need - free;
    obstacle.what = "has " + FormatBytes(free) + " of " + FormatBytes(at.capacity()) + " free" +
                    (holders.empty() ? "" : " (" + holders + ")") + ", " + FormatBytes(obstacle.missing) + " missing";
    if (need > piece.need) obstacle.what += " (its weights would take " + FormatBytes(need - piece.need) + ")";
  }
  std::size_t newcomer = 0;
  if (const auto objection = board.Against(piece, device, &newcomer)) {
    obstacle.what += (obstacle.what.empty() ? "is closed to it: " : ", and ") + board.rules().Text(*objection, newcomer);
  }
  if (obstacle.what.empty()) obstacle.what = "would take it";  // of a replica on several devices: it is too few
  return obstacle;
}

// Devices with the same obstacle.
struct Reason {
  Obstacle obstacle;
  std::vector<std::size_t> devices;
};

std::vector<Reason> ReasonsAgainst(const Piece& piece, const Board& board) {
  std::vector<Reason> reasons;
  std::map<std::string, std::size_t> known;
  for (std::size_t device = 0; device < board.plan().devices.size(); ++device) {
    if (!MayGo(piece, device)) continue;
    Obstacle obstacle = ObstacleOn(piece, device, board);
    const auto [at, fresh] = known.emplace(obstacle.what, reasons.size());
    if (fresh) reasons.push_back({std::move(obstacle), {}});
    reasons[at->second].devices.push_back(device);
  }
  return reasons;
}

// "; gpu0 has …", "; gpu0, gpu1, gpu2 and 61 more: each has …". All reasons, or those of the devices that miss least.
std::string Tell(std::vector<Reason> reasons, const config::Plan& plan) {
  std::size_t untold = 0;
  if (reasons.size() > kMostReasons) {
    std::ranges::stable_sort(reasons, {}, [](const Reason& reason) { return reason.obstacle.missing; });
    for (std::size_t i = kMostReasons; i < reasons.size(); ++i) untold += reasons[i].devices.size();
    reasons.resize(kMostReasons);
  }
  std::string text;
  for (const Reason& reason : reasons) {
    for (std::size_t i = 0; i < std::min(reason.devices.size(), kMostNames); ++i) {
      text += (i == 0 ? "; " : ", ") + plan.devices[reason.devices[i]].name;
    }
    if (reason.devices.size() > kMostNames) text += " and " + std::to_string(reason.devices.size() - kMostNames) + " more";
    text += (reason.devices.size() > 1 ? ": each " : " ") + reason.obstacle.what;
  }
  return untold == 0 ? text : text + "; " + std::to_string(untold) + " more devices miss no less, or rules close them to it";
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

// "its memory"; of models that are together, what those that start at boot need there in all.
std::string WhoseMemory(const Piece& piece, const config::Plan& plan) {
  std::string names;
  int count = 0;
  for (const std::size_t model : piece.models) {
    if (plan.models[model].start == config::Start::kBoot) names += (count++ == 0 ? "" : " + ") + plan.models[model].name;
  }
  return count < 2 ? "its memory" : "the memory of " + names;
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
    text += "lower " + WhoseMemory(piece, board.plan()) + " to the " + FormatBytes(left(*here)) + " free on " + name(*here) + ", or ";
  }
  if (!here && !piece.devices->empty()) text += "loosen the rule, or ";
  if (piece.replica > 0) text += "lower its replicas to " + std::to_string(piece.replica) + ", or ";
  return text + "give it start: manual";
}

// "model "bge": replica 1 fits nowhere"; where the search was cut off, nobody knows that.
Refusal Refuse(const Piece& piece, const Board& board, std::optional<int> tries) {
  const config::Plan& plan = board.plan();
  const config::Model& model = plan.models[piece.models.front()];
  std::string message = "model \"" + model.name + "\": replica " + std::to_string(piece.replica);
  message += tries ? " has no place in any of the " + std::to_string(*tries) + " placements that were tried: " : " fits nowhere: ";
  message += "it needs " + FormatBytes(piece.need);
  if (piece.parts > 1) message += " on each of " + std::to_string(piece.parts) + " devices";
  for (std::size_t i = 1; i < piece.models.size(); ++i) {
    message += (i == 1 ? " together with " : ", ") + plan.models[piece.models[i]].name;
  }
  return {model.name, piece.replica, message + Tell(ReasonsAgainst(piece, board), plan) + "; " + Remedy(piece, board)};
}

Bytes WeightsOn(const config::Device& device, const config::Model& model) { return device.is_cpu() ? model.mapped : Bytes{}; }

Refusal NeverFits(const Piece& piece, const config::Model& model, const config::Plan& plan) {
  std::string message = "model \"" + model.name + "\": it can never be started: each replica needs " + FormatBytes(model.memory);
  if (piece.parts > 1) message += " on each of " + std::to_string(piece.parts) + " devices";
  std::vector<Reason> reasons;
  std::map<Bytes, std::size_t, std::greater<>> known;  // by capacity
  for (const std::size_t device : *piece.devices) {
    const Bytes capacity = plan.devices[device].capacity();
    const auto [at, fresh] = known.emplace(capacity, reasons.size());
    if (fresh) reasons.push_back({{"has " + FormatBytes(capacity) + " in all", model.memory > capacity ? model.memory - capacity : Bytes{}}, {}});
    reasons[at->second].devices.push_back(device);
  }
  return {model.name, piece.replica, message + Tell(std::move(reasons), plan) + "; lower its memory, or add other devices to its `devices`"};
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
  if (more > 0) refusals.back().message += "; and " + std::to_string(more) + " more models have no place";
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
