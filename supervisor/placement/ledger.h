// One reservation in bytes per replica per device, from the decision to start until the process is proven gone and
// the replica is not on its way back; and one for each set of weight files that replicas on the CPU map, as long as any
// of these is held. Checking and reserving are one step, so that at any instant the sum is within a device's capacity and those
// on it may share it. Owned by the fleet, used on the control thread only.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/plan.h"
#include "supervisor/base/result.h"
#include "supervisor/placement/rules.h"
#include "supervisor/placement/weights.h"

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

  // Check() says whether Reserve() would: so many bytes on each of the devices, which are distinct, or nothing on any. Refuses with numbers: `model "bge":
  // replica 1 needs 2 GiB on cpu, 1.2 GiB of 12 GiB free (chat 8 GiB, …); stop one of these, or lower memory`.
  // kExhausted; kNotFound for an unknown device or model; kConflict when the replica already holds a reservation
  // there, or a rule keeps it from those that do.
  Status Check(const std::vector<std::string>& devices, const std::string& model, int replica, Bytes bytes) const;
  Status Reserve(const std::vector<std::string>& devices, const std::string& model, int replica, Bytes bytes);
  // No effect when nothing is held.
  void Release(const std::string& model, int replica);

  Bytes Capacity(const std::string& device) const;
  Bytes Reserved(const std::string& device) const;
  const std::vector<Reservation>& reservations() const { return reservations_; }
  // Made from the reservations: there is one exactly while somebody who maps the files holds one.
  std::vector<SharedWeights> shared() const;

 private:
  Tenants On(const std::string& device) const;
  std::optional<std::size_t> SetOf(const std::string& model, const std::string& device) const;
  Bytes NewWeights(const std::string& model, const std::string& device) const;
  Status CheckOne(const std::string& device, const std::string& model, int replica, Bytes bytes) const;

  const config::Plan& plan_;
  std::map<std::string, const config::Device*> devices_;
  Rules rules_;
  Weights weights_;
  std::vector<Reservation> reservations_;
};

}  // namespace berth::placement
