#include <algorithm>

#include "supervisor/placement/placement.h"
#include "supervisor/placement/table.h"

namespace berth::placement {
namespace {

Row DeviceRow(const config::Device& device, const BootSums::Device& sum) {
  std::string used = std::to_string(sum.threads) + " of " + std::to_string(device.threads);
  if (sum.threads > device.threads) used += " (shared: slower when all are busy)";
  return {device.name, FormatBytes(sum.reserved), FormatBytes(device.capacity()), FormatBytes(device.capacity() - sum.reserved), used};
}

// "bge, bge-small: weights"
Row WeightsRow(const SharedWeights& shared) {
  std::string models;
  for (const std::string& model : shared.models) models += (models.empty() ? "" : ", ") + model;
  return {"", models + ": weights", shared.device, FormatBytes(shared.bytes), "", "shared"};
}

}  // namespace

bool StartsAtBoot(const config::Plan& plan, const Assignment& assignment) {
  const config::Model* model = config::FindModel(plan, assignment.model);
  return model != nullptr && model->start == config::Start::kBoot;
}

BootSums SumAtBoot(const config::Plan& plan, const Placement& placement) {
  std::map<std::string, std::size_t> models;
  for (std::size_t i = 0; i < plan.models.size(); ++i) models.emplace(plan.models[i].name, i);
  const Weights weights(plan);
  SharedList shared(weights, plan);
  BootSums sums;
  for (const Assignment& assignment : placement.assignments) {
    const std::size_t model = models.at(assignment.model);
    if (plan.models[model].start != config::Start::kBoot) continue;
    for (const std::string& name : assignment.devices) {
      BootSums::Device& sum = sums.devices[name];
      const config::Device& device = *std::ranges::find(plan.devices, name, &config::Device::name);
      sum.reserved += assignment.memory + shared.Add(model, device);
      sum.threads += assignment.threads;
    }
  }
  sums.weights = shared.all();
  return sums;
}

std::string Format(const config::Plan& plan, const Placement& placement) {
  std::vector<Row> replicas{{"WAVE", "REPLICA", "DEVICE", "MEMORY", "THREADS", "START"}};
  for (const Assignment& assignment : placement.assignments) {
    replicas.push_back({std::to_string(assignment.wave),
                        assignment.model + "/" + std::to_string(assignment.replica), JoinDevices(assignment),
                        FormatBytes(assignment.memory), std::to_string(assignment.threads),
                        std::string(Name(config::FindModel(plan, assignment.model)->start))});
  }
  BootSums sums = SumAtBoot(plan, placement);
  for (const SharedWeights& shared : sums.weights) replicas.push_back(WeightsRow(shared));
  std::vector<Row> devices{{"DEVICE", "RESERVED", "OF", "FREE", "THREADS"}};
  for (const config::Device& device : plan.devices) devices.push_back(DeviceRow(device, sums.devices[device.name]));
  return Table(replicas, {true, false, false, true, true, false}) + "\n" +
         Table(devices, {false, true, true, true, false});
}

}  // namespace berth::placement
