// One load at a time per device (M2): who loads there now. Owned by the fleet, control thread only.
#pragma once

#include <map>
#include <string>

namespace berth::launch {

class LoadSlots {
 public:
  // The one that loads on `device`, as "model/replica"; empty: the slot is free.
  std::string Holder(const std::string& device) const {
    const auto it = holders_.find(device);
    return it == holders_.end() ? std::string() : it->second;
  }
  bool Take(const std::string& device, const std::string& who) { return holders_.emplace(device, who).second; }
  // No effect when `who` does not hold it.
  void Release(const std::string& device, const std::string& who) {
    const auto it = holders_.find(device);
    if (it != holders_.end() && it->second == who) holders_.erase(it);
  }

 private:
  std::map<std::string, std::string> holders_;
};

}  // namespace berth::launch
