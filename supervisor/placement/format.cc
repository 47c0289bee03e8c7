#include "supervisor/placement/placement.h"
#include "supervisor/placement/table.h"

namespace berth::placement {
namespace {

bool StartsAtBoot(const config::Plan& plan, const Assignment& assignment) {
  const config::Model* model = config::FindModel(plan, assignment.model);
  return model != nullptr && model->start == config::Start::kBoot;
}

Row DeviceRow(const config::Plan& plan, const Placement& placement, const config::Device& device) {
  Bytes reserved;
  int threads = 0;
  for (const Assignment& assignment : placement.assignments) {
    if (assignment.device != device.name || !StartsAtBoot(plan, assignment)) continue;
    reserved += assignment.memory;
    threads += assignment.threads;
  }
  std::string used = std::to_string(threads) + " of " + std::to_string(device.threads);
  if (threads > device.threads) used += " (shared: slower when all are busy)";
  return {device.name, FormatBytes(reserved), FormatBytes(device.capacity()), FormatBytes(device.capacity() - reserved), used};
}

}  // namespace

std::string Format(const config::Plan& plan, const Placement& placement) {
  std::vector<Row> replicas{{"WAVE", "REPLICA", "DEVICE", "MEMORY", "THREADS", "START"}};
  for (const Assignment& assignment : placement.assignments) {
    replicas.push_back({std::to_string(assignment.wave),
                        assignment.model + "/" + std::to_string(assignment.replica), assignment.device,
                        FormatBytes(assignment.memory), std::to_string(assignment.threads),
                        StartsAtBoot(plan, assignment) ? "boot" : "manual"});
  }
  std::vector<Row> devices{{"DEVICE", "RESERVED", "OF", "FREE", "THREADS"}};
  for (const config::Device& device : plan.devices) devices.push_back(DeviceRow(plan, placement, device));
  return Table(replicas, {true, false, false, true, true, false}) + "\n" +
         Table(devices, {false, true, true, true, false});
}

}  // namespace berth::placement
