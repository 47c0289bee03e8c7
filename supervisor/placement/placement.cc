#include "supervisor/placement/placement.h"

#include <algorithm>
#include <map>

#include "supervisor/placement/waves.h"

namespace berth::placement {
namespace {

using config::Device;
using config::Model;
using config::Plan;

// What is promised to the replicas that are placed so far.
class Occupancy {
 public:
  explicit Occupancy(const Plan& plan) : plan_(plan) {}

  Bytes Free(const Device& device) const {
    const auto used = used_.find(device.name);
    return used == used_.end() ? device.memory : device.memory - used->second;
  }

  // Of the devices where the model may go, the one with the most free memory; at a tie the one that its
  // `devices` lists first. nullptr when it names no device of the plan.
  const Device* Freest(const Model& model) const {
    const Device* best = nullptr;
    for (const std::string& name : model.devices) {
      const auto device = std::ranges::find(plan_.devices, name, &Device::name);
      if (device == plan_.devices.end()) continue;
      if (best == nullptr || Free(*device) > Free(*best)) best = &*device;
    }
    return best;
  }

  void Take(const Device& device, const Model& model) {
    used_[device.name] += model.memory;
    ++replicas_[device.name][model.name];
  }

  // "bge 2 x 1 GiB, ears 2 GiB"
  std::string Holders(const Device& device) const {
    std::string text;
    const auto here = replicas_.find(device.name);
    if (here == replicas_.end()) return text;
    for (const auto& [name, count] : here->second) {
      if (!text.empty()) text += ", ";
      text += name + " ";
      if (count > 1) text += std::to_string(count) + " x ";
      text += FormatBytes(config::FindModel(plan_, name)->memory);
    }
    return text;
  }

 private:
  const Plan& plan_;
  std::map<std::string, Bytes> used_;
  std::map<std::string, std::map<std::string, int>> replicas_;
};

bool MayGo(const Model& model, const Device& device) {
  return std::ranges::find(model.devices, device.name) != model.devices.end();
}

// "cpu has 4 GiB of 12 GiB free (bge 2 x 4 GiB), 2.1 GiB are missing"
std::string Shortage(const Device& device, const Model& model, const Occupancy& occupancy) {
  const Bytes free = occupancy.Free(device);
  const std::string holders = occupancy.Holders(device);
  return device.name + " has " + FormatBytes(free) + " of " + FormatBytes(device.memory) + " free" +
         (holders.empty() ? "" : " (" + holders + ")") + ", " + FormatBytes(model.memory - free) +
         " missing";
}

// A device outside the model's `devices` that would have room.
const Device* RoomElsewhere(const Plan& plan, const Model& model, const Occupancy& occupancy) {
  for (const Device& device : plan.devices) {
    if (!MayGo(model, device) && occupancy.Free(device) >= model.memory) return &device;
  }
  return nullptr;
}

std::string Remedy(const Plan& plan, const Model& model, int replica, const Occupancy& occupancy) {
  std::string text;
  if (const Device* room = RoomElsewhere(plan, model, occupancy)) {
    text += "add " + room->name + " (" + FormatBytes(occupancy.Free(*room)) + " free) to its devices, or ";
  }
  const Device* freest = occupancy.Freest(model);
  if (freest != nullptr && occupancy.Free(*freest).count > 0) {
    text += "lower its memory to the " + FormatBytes(occupancy.Free(*freest)) + " free on " + freest->name + ", or ";
  }
  if (replica > 0) text += "lower its replicas to " + std::to_string(replica) + ", or ";
  return text + "give it start: manual";
}

Refusal Refuse(const Plan& plan, const Model& model, int replica, const Occupancy& occupancy) {
  std::string message = "model \"" + model.name + "\": replica " + std::to_string(replica) +
                        " fits nowhere: it needs " + FormatBytes(model.memory);
  for (const Device& device : plan.devices) {
    if (MayGo(model, device)) message += "; " + Shortage(device, model, occupancy);
  }
  return {model.name, replica, message + "; " + Remedy(plan, model, replica, occupancy)};
}

// Models in the order in which they load: by wave, within a wave as the plan has them.
std::vector<std::size_t> LoadOrder(const std::vector<int>& waves) {
  std::vector<std::size_t> order(waves.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return waves[i]; });
  return order;
}

}  // namespace

std::variant<Placement, std::vector<Refusal>> Place(const Plan& plan) {
  const std::vector<int> waves = Waves(plan);
  Occupancy occupancy(plan);
  Placement placement;
  std::vector<Refusal> refusals;
  const auto place = [&](std::size_t index, bool boot) {
    const Model& model = plan.models[index];
    for (int replica = 0; replica < model.replicas; ++replica) {
      const Device* device = occupancy.Freest(model);
      const bool fits = device != nullptr && (!boot || occupancy.Free(*device) >= model.memory);
      if (!fits) {
        refusals.push_back(Refuse(plan, model, replica, occupancy));
        break;  // its other replicas are refused for the same reason
      }
      if (boot) occupancy.Take(*device, model);
      placement.assignments.push_back(
          {model.name, replica, device->name, model.memory, model.threads, waves[index]});
    }
  };
  // First what starts at boot, which must fit together; then what is started by hand, beside it.
  for (const config::Start start : {config::Start::kBoot, config::Start::kManual}) {
    for (const std::size_t index : LoadOrder(waves)) {
      if (plan.models[index].start == start) place(index, start == config::Start::kBoot);
    }
  }
  if (!refusals.empty()) return refusals;
  std::ranges::stable_sort(placement.assignments, {}, &Assignment::wave);
  return placement;
}

}  // namespace berth::placement
