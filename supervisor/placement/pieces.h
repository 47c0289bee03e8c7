// What a placement has to place: pieces, each of which goes to one device as a whole. A piece is a replica, or, of
// models that `together` binds, replica i of each. Pure.
#pragma once

#include <memory>
#include <vector>

#include "config/plan.h"
#include "supervisor/placement/rules.h"

namespace berth::placement {

struct Piece {
  std::vector<std::size_t> models;   // one replica of each, in load order
  int replica = 0;                   // their slot
  bool boot = false;                 // some of them start at boot
  Bytes need;                        // what those reserve
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
  const Tenants& On(std::size_t device) const { return seats_[device].tenants; }
  // Whether the piece, as far as it starts at boot, may go there, and has room.
  bool Takes(const Piece& piece, std::size_t device) const;
  // The rule against it, the first one met.
  std::optional<Objection> Against(const Piece& piece, std::size_t device, std::size_t* newcomer) const;

  void Put(const Piece& piece, std::size_t device);
  void TakeBack(const Piece& piece, std::size_t device);  // the latest Put() undone

  const config::Plan& plan() const { return plan_; }
  const Rules& rules() const { return rules_; }

 private:
  struct Seat {
    Bytes free;
    Tenants tenants;
  };
  const config::Plan& plan_;
  Rules rules_;
  std::vector<Seat> seats_;
};

}  // namespace berth::placement
