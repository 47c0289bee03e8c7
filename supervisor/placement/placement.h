// Decides where every replica goes and in which order replicas load. Pure and deterministic: the same plan
// gives the same answer on every host, so `berth plan` can show it before anything starts.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "config/plan.h"

namespace berth::placement {

struct Assignment {
  std::string model;
  int replica = 0;       // slot index, from 0
  std::string device;
  Bytes memory;
  int threads = 0;
  int wave = 0;          // waves load one after another: by rules.order, then by `after`
};

struct Placement {
  std::vector<Assignment> assignments;  // in the order in which they load
};

// Why a replica fits nowhere; `message` says for every device how much is missing and the remedy.
struct Refusal {
  std::string model;
  int replica = 0;
  std::string message;
};

// What starts at boot must fit together, within capacities and under the plan's rules. First replicas are placed in
// load order, each where its model's `spread` prefers; when that leaves one without a place, a search over all of
// them decides (search.h). A model with start: manual gets a device too, the freest beside what starts at boot, but
// its memory is not counted here: the ledger decides when an operator starts it. Its wave only tells where it stands
// in the order.
std::variant<Placement, std::vector<Refusal>> Place(const config::Plan& plan);

// What `berth plan` prints: a table of waves, replicas, devices, memory, and a line per device with the sum.
std::string Format(const config::Plan& plan, const Placement& placement);

}  // namespace berth::placement
