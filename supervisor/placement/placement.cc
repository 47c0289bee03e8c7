#include "supervisor/placement/placement.h"

#include <algorithm>
#include <optional>
#include <ranges>
#include <span>
#include <tuple>
#include <utility>

#include "supervisor/placement/pieces.h"
#include "supervisor/placement/refusals.h"
#include "supervisor/placement/search.h"
#include "supervisor/placement/waves.h"

namespace berth::placement {
namespace {

using config::Model;
using config::Plan;

// So many placed pieces, then the search gives up: some hundredths of a second for 200 replicas on 64 devices; longer
// where `together` binds many models.
constexpr int kTries = 20'000;

// What is started by hand is counted nowhere, and gets a device that suits it best: one that rules leave to it beside
// what starts at boot, and beside the others that are started by hand, with room for all of these, and then the freest.
// Whether it may start there, the ledger decides when it does.
void PlaceByHand(const std::vector<Piece>& pieces, const Board& board, Seats& seats) {
  const Plan& plan = board.plan();
  std::vector<Tenants> later;  // all of them, should all be started
  for (std::size_t device = 0; device < plan.devices.size(); ++device) later.push_back(board.On(device));
  std::vector<Bytes> taken(plan.devices.size());
  const auto needs = [&](const Piece& piece, std::size_t device) {
    Bytes need;
    for (const std::size_t model : piece.models) {
      const auto set = board.weights().SetOf(model, plan.devices[device]);
      need += plan.models[model].memory + (set && !board.IsMapped(*set, device) ? board.weights().bytes(*set) : Bytes{});
    }
    return need;
  };
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].boot) continue;
    const std::size_t model = pieces[i].models.front();
    const auto fits = [&](std::size_t device) { return taken[device] + needs(pieces[i], device) <= board.Free(device); };
    const auto rank = [&](std::size_t device) {
      return std::tuple(!board.rules().Against(model, board.On(device)), !board.rules().Against(model, later[device]),
                        fits(device), board.Free(device));
    };
    const std::span others(seats.begin() + static_cast<std::ptrdiff_t>(i) - pieces[i].part, static_cast<std::size_t>(pieces[i].part));
    for (const std::size_t device : *pieces[i].devices) {
      if (std::ranges::find(others, device) != others.end()) continue;  // another part of it is there
      if (!seats[i] || rank(device) > rank(*seats[i])) seats[i] = device;
    }
    if (!seats[i]) continue;
    for (const std::size_t member : pieces[i].models) later[*seats[i]].Add(board.rules(), {member, pieces[i].replica});
    if (fits(*seats[i])) taken[*seats[i]] += needs(pieces[i], *seats[i]);
  }
}

Placement Assign(const Plan& plan, const std::vector<Piece>& pieces, const Seats& seats, const std::vector<int>& waves) {
  std::vector<std::pair<std::size_t, std::size_t>> order;  // model, and the first piece of a replica of it
  for (std::size_t i = 0; i < pieces.size(); i += static_cast<std::size_t>(pieces[i].parts)) {
    for (const std::size_t model : pieces[i].models) order.emplace_back(model, i);
  }
  std::ranges::stable_sort(order, {}, [&](const auto& entry) {
    return std::pair(waves[entry.first], -plan.models[entry.first].priority);
  });
  Placement placement;
  for (const auto& [index, piece] : order) {
    const Model& model = plan.models[index];
    std::vector<std::string> devices;
    for (std::size_t part = piece; part < piece + static_cast<std::size_t>(pieces[piece].parts); ++part) {
      devices.push_back(plan.devices[*seats[part]].name);
    }
    placement.assignments.push_back({model.name, pieces[piece].replica, std::move(devices), model.memory, model.threads, waves[index]});
  }
  return placement;
}

}  // namespace

std::string JoinDevices(const Assignment& assignment) {
  std::string text;
  for (const std::string& device : assignment.devices) text += (text.empty() ? "" : ", ") + device;
  return text;
}

bool IsOn(const Assignment& assignment, const std::string& device) {
  return std::ranges::find(assignment.devices, device) != assignment.devices.end();
}

std::variant<Placement, std::vector<Refusal>> Place(const Plan& plan) {
  const std::vector<int> waves = Waves(plan);
  const std::vector<Piece> pieces = Pieces(plan, waves);
  Board board(plan);
  Seats seats = PlaceInOrder(pieces, board);
  const auto lacks = [&](std::size_t i) { return !seats[i] && pieces[i].boot; };
  if (std::ranges::any_of(std::views::iota(std::size_t{0}, pieces.size()), lacks)) {
    Search search = PlaceHardestFirst(pieces, plan, kTries);
    if (!search.seats) return Refusals(pieces, seats, board, search.exhausted ? std::nullopt : std::optional(kTries));
    seats = std::move(*search.seats);
  }
  if (auto refusals = WhatNeverFits(pieces, plan); !refusals.empty()) return refusals;
  Board settled(plan);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (seats[i]) settled.Put(pieces[i], *seats[i]);
  }
  PlaceByHand(pieces, settled, seats);
  return Assign(plan, pieces, seats, waves);
}

}  // namespace berth::placement
