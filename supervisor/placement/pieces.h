// What a placement has to place: pieces, each of which goes to one device as a whole. A piece is a replica, or, of
// models that `together` binds, replica i of each; a replica on several devices is so many pieces, which go to
// different ones. Pure.
#pragma once

#include <memory>
#include <vector>

#include "config/plan.h"
#include "supervisor/placement/rules.h"
#include "supervisor/placement/weights.h"

namespace berth::placement {

struct Piece {
  std::vector<std::size_t> models;   // one replica of each, in load order
  int replica = 0;                   // their slot
  int part = 0;                      // of a replica on several devices: which, from 0; the parts follow one another
  int parts = 1;
  bool boot = false;                 // some of them start at boot
  Bytes need;                        // what those reserve on its device, without weights that they share with others
  // Indices: where it may go, in the order of the first model's `devices`. Shared by pieces of the same models.
  std::shared_ptr<const std::vector<std::size_t>> devices;
};

// In load order: by wave (`waves`, one per model), within a wave by priority, then as the plan has them; what
// starts at boot before what is started by hand.
std::vector<Piece> Pieces(const config::Plan& plan, const std::vector<int>& waves);

// The devices of a plan while it is being placed.
class Board {
 public:
  explicit Board(const config::Plan& plan);

  Bytes Free(std::size_t device) const { return seats_[device].free; }
  // What the piece would take there: its own need, and weights that nobody maps there yet.
  Bytes Need(const Piece& piece, std::size_t device) const;
  const Tenants& On(std::size_t device) const { return seats_[device].tenants; }
  // Whether the piece, as far as it starts at boot, may go there, has room, and no other part of its replica is there.
  bool Takes(const Piece& piece, std::size_t device) const;
  // The rule against it, the first one met.
  std::optional<Objection> Against(const Piece& piece, std::size_t device, std::size_t* newcomer) const;

  void Put(const Piece& piece, std::size_t device);
  void TakeBack(const Piece& piece, std::size_t device);  // the latest Put() undone
  bool HoldsOtherPart(const Piece& piece, std::size_t device) const;

  const config::Plan& plan() const { return plan_; }
  const Rules& rules() const { return rules_; }
  const Weights& weights() const { return weights_; }
  bool IsMapped(std::size_t set, std::size_t device) const { return seats_[device].mapped[set] > 0; }  // a set of that device

 private:
  struct Seat {
    Bytes free;
    mutable Tenants tenants;  // Against() has models that are together join one after another, and leaves it as it was
    std::vector<int> mapped;  // by set of weight files: how many map it; empty on a GPU
  };
  // The set of files that the piece's model maps there; nothing for one that is started by hand.
  std::optional<std::size_t> Maps(std::size_t model, std::size_t device) const;

  const config::Plan& plan_;
  Rules rules_;
  Weights weights_;
  std::vector<Seat> seats_;
};

}  // namespace berth::placement
