// One reservation in bytes per replica per device, from the decision to start until the process is proven gone and
// the replica is not on its way back. Checking and reserving are one step, so that at any instant the sum is within a device's capacity and those
// on it may share it. Owned by the fleet, used on the control thread only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/plan.h"
#include "supervisor/base/result.h"
#include "supervisor/placement/rules.h"

namespace berth::placement {

class Ledger {
 public:
  struct Reservation {
    std::string device;
    std::string model;
    int replica = 0;
    Bytes bytes;
  };

  explicit Ledger(const config::Plan& plan);  // outlives the ledger

  // Refuses with numbers: `model "bge": replica 1 needs 2 GiB on cpu, 1.2 GiB of 12 GiB free (chat 8 GiB, …);
  // stop one of these, or lower memory`. kExhausted; kNotFound for an unknown device or model; kConflict when the
  // replica already holds a reservation there, or a rule keeps it from those that do.
  Status Reserve(const std::string& device, const std::string& model, int replica, Bytes bytes);
  // No effect when nothing is held.
  void Release(const std::string& model, int replica);

  Bytes Capacity(const std::string& device) const;
  Bytes Reserved(const std::string& device) const;
  const std::vector<Reservation>& reservations() const { return reservations_; }

 private:
  Tenants On(const std::string& device) const;

  std::map<std::string, Bytes> capacity_;
  Rules rules_;
  std::vector<Reservation> reservations_;
};

}  // namespace berth::placement
