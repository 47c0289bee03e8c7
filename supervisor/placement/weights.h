// Weight files that replicas on the CPU map into their memory: the host holds their pages once, so each set of files is
// charged once on the device for all replicas that map it, beside what each replica reserves for itself. On a GPU
// `memory` is everything that a process holds there, and nothing is shared. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/plan.h"

namespace berth::placement {

class Weights {
 public:
  explicit Weights(const config::Plan& plan);

  std::size_t sets() const { return bytes_.size(); }
  // The set of files that a replica of the model, by its index in the plan, maps on the device; nothing where it maps none.
  std::optional<std::size_t> SetOf(std::size_t model, const config::Device& device) const;
  Bytes bytes(std::size_t set) const { return bytes_[set]; }

 private:
  std::vector<std::optional<std::size_t>> set_of_;  // by model
  std::vector<Bytes> bytes_;                        // by set; of models that differ about it the largest
};

// Weights that replicas of these models map on the device, charged once for all of them.
struct SharedWeights {
  std::string device;
  std::vector<std::string> models;  // in the order in which they came
  Bytes bytes;
};

// Which there are, as replicas come.
class SharedList {
 public:
  SharedList(const Weights& weights, const config::Plan& plan) : weights_(weights), plan_(plan) {}  // both outlive it

  // Returns what the device is charged for the replica's weights: nothing where somebody maps them already.
  Bytes Add(std::size_t model, const config::Device& device);
  std::vector<SharedWeights> all() const;  // by device and set

 private:
  const Weights& weights_;
  const config::Plan& plan_;
  std::map<std::pair<std::string, std::size_t>, SharedWeights> found_;
};

}  // namespace berth::placement
