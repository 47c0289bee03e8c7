// Decides where every replica goes and in which order replicas load. Pure and deterministic: the same plan
// gives the same answer on every host, so `berth plan` can show it before anything starts.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "config/plan.h"
#include "supervisor/placement/weights.h"

namespace berth::placement {

struct Assignment {
  std::string model;
  int replica = 0;       // slot index, from 0
  std::vector<std::string> devices;  // distinct; devices_per_replica of them
  Bytes memory;          // on each of them
  int threads = 0;
  int wave = 0;          // waves load one after another: by rules.order, then by `after`
};

// "gpu0, gpu1"
std::string JoinDevices(const Assignment& assignment);
// Whether the assignment has the device among its own.
bool IsOn(const Assignment& assignment, const std::string& device);

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

// What is reserved once all that starts at boot runs.
struct BootSums {
  struct Device {
    Bytes reserved;   // weights that are shared included
    int threads = 0;
  };
  std::map<std::string, Device> devices;
  std::vector<SharedWeights> weights;
};
BootSums SumAtBoot(const config::Plan& plan, const Placement& placement);
bool StartsAtBoot(const config::Plan& plan, const Assignment& assignment);

// What `berth plan` prints: a table of waves, replicas, devices, memory, and a line per device with the sum.
std::string Format(const config::Plan& plan, const Placement& placement);

}  // namespace berth::placement
