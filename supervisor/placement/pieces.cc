#include "supervisor/placement/pieces.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace berth::placement {
namespace {

using config::Model;
using config::Plan;
using Indices = std::vector<std::size_t>;

bool AtBoot(const Model& model) { return model.start == config::Start::kBoot; }

Indices LoadOrder(const Plan& plan, const std::vector<int>& waves) {
  Indices order(plan.models.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return std::tuple(waves[i], -plan.models[i].priority); });
  return order;
}

// For each model the first model, by index, of those that `together` binds it to; itself when there are none.
Indices Leaders(const Plan& plan) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < plan.models.size(); ++i) index.emplace(plan.models[i].name, i);
  Indices leader(plan.models.size());
  std::iota(leader.begin(), leader.end(), 0);
  for (const std::vector<std::string>& list : plan.rules.together) {
    for (const std::string& name : list) {
      const auto one = index.find(list.front()), other = index.find(name);
      if (one == index.end() || other == index.end()) continue;
      const auto [to, from] = std::minmax(leader[one->second], leader[other->second]);
      std::ranges::replace(leader, std::size_t{from}, std::size_t{to});
    }
  }
  return leader;
}

Indices CommonDevices(const Plan& plan, const Indices& models, const std::map<std::string, std::size_t>& index) {
  Indices common;
  for (const std::string& name : plan.models[models.front()].devices) {
    const auto allows = [&](std::size_t m) { return std::ranges::find(plan.models[m].devices, name) != plan.models[m].devices.end(); };
    const auto found = index.find(name);
    if (found != index.end() && std::ranges::all_of(models, allows)) common.push_back(found->second);
  }
  return common;
}

}  // namespace

std::vector<Piece> Pieces(const Plan& plan, const std::vector<int>& waves) {
  std::map<std::string, std::size_t> devices;
  for (std::size_t i = 0; i < plan.devices.size(); ++i) devices.emplace(plan.devices[i].name, i);
  const Indices leaders = Leaders(plan);
  std::map<std::size_t, Indices> groups;
  Indices first;  // leaders, as the first of each group loads
  for (const std::size_t model : LoadOrder(plan, waves)) {
    Indices& group = groups[leaders[model]];
    if (group.empty()) first.push_back(leaders[model]);
    group.push_back(model);
  }
  std::vector<Piece> pieces;
  for (const std::size_t leader : first) {
    for (int replica = 0;; ++replica) {
      Piece piece;
      piece.replica = replica;
      for (const std::size_t model : groups[leader]) {
        if (plan.models[model].replicas > replica) piece.models.push_back(model);
      }
      if (piece.models.empty()) break;
      for (const std::size_t model : piece.models) {
        if (!AtBoot(plan.models[model])) continue;
        piece.boot = true;
        piece.need += plan.models[model].memory;
      }
      const bool as_before = replica > 0 && pieces.back().models == piece.models;
      piece.devices = as_before ? pieces.back().devices
                                : std::make_shared<const Indices>(CommonDevices(plan, piece.models, devices));
      piece.parts = plan.models[piece.models.front()].devices_per_replica;  // of those that are together the same
      for (; piece.part < piece.parts; ++piece.part) pieces.push_back(piece);
    }
  }
  std::ranges::stable_partition(pieces, &Piece::boot);
  return pieces;
}

// ---- the board

Board::Board(const Plan& plan) : plan_(plan), rules_(plan), weights_(plan) {
  for (const config::Device& device : plan.devices) {
    seats_.push_back({device.capacity(), {}, std::vector<int>(device.is_cpu() ? weights_.sets() : 0)});
  }
}

std::optional<std::size_t> Board::Maps(std::size_t model, std::size_t device) const {
  if (seats_[device].mapped.empty() || !AtBoot(plan_.models[model])) return {};
  return weights_.SetOf(model, plan_.devices[device]);
}

Bytes Board::Need(const Piece& piece, std::size_t device) const {
  Bytes need = piece.need;
  if (seats_[device].mapped.empty()) return need;
  std::vector<std::size_t> counted;  // models that are together may map the same files
  for (const std::size_t model : piece.models) {
    const auto set = Maps(model, device);
    if (!set || IsMapped(*set, device) || std::ranges::find(counted, *set) != counted.end()) continue;
    counted.push_back(*set);
    need += weights_.bytes(*set);
  }
  return need;
}

std::optional<Objection> Board::Against(const Piece& piece, std::size_t device, std::size_t* newcomer) const {
  Tenants& tenants = seats_[device].tenants;
  std::optional<Objection> objection;
  int joined = 0;
  for (const std::size_t model : piece.models) {
    if (!AtBoot(plan_.models[model])) continue;
    *newcomer = model;
    if ((objection = rules_.Against(model, tenants))) break;
    tenants.Add(rules_, {model, piece.replica});
    ++joined;
  }
  for (; joined > 0; --joined) tenants.RemoveLast(rules_);
  return objection;
}

bool Board::HoldsOtherPart(const Piece& piece, std::size_t device) const {
  const std::vector<Tenant>& there = On(device).list();
  if (piece.part == 0 || there.empty()) return false;
  const Tenant& last = there.back();  // the parts of a replica follow one another: nobody came since
  return last.replica == piece.replica && std::ranges::find(piece.models, last.model) != piece.models.end();
}

bool Board::Takes(const Piece& piece, std::size_t device) const {
  if (Need(piece, device) > seats_[device].free || HoldsOtherPart(piece, device)) return false;
  if (piece.models.size() == 1) return !rules_.Against(piece.models.front(), seats_[device].tenants);
  std::size_t newcomer = 0;
  return !Against(piece, device, &newcomer);
}

void Board::Put(const Piece& piece, std::size_t device) {
  Seat& seat = seats_[device];
  seat.free -= Need(piece, device);
  for (const std::size_t model : piece.models) {
    if (AtBoot(plan_.models[model])) seat.tenants.Add(rules_, {model, piece.replica});
    if (const auto set = Maps(model, device)) ++seat.mapped[*set];
  }
}

void Board::TakeBack(const Piece& piece, std::size_t device) {
  Seat& seat = seats_[device];
  for (const std::size_t model : piece.models) {
    if (AtBoot(plan_.models[model])) seat.tenants.RemoveLast(rules_);
    if (const auto set = Maps(model, device)) --seat.mapped[*set];
  }
  seat.free += Need(piece, device);
}

}  // namespace berth::placement
