#include "supervisor/admin/gpu_watch.h"

#include <algorithm>

namespace berth::admin {
namespace {

constexpr const char* kEventType = "gpu";

}  // namespace

std::vector<gpu::Tenant> TenantsOn(const std::string& device, const std::vector<launch::ModelStatus>& models) {
  std::vector<gpu::Tenant> tenants;
  for (const launch::ModelStatus& model : models) {
    for (const launch::ReplicaStatus& replica : model.replicas) {
      const bool there = std::ranges::find(replica.devices, device) != replica.devices.end();
      if (there && replica.memory.count > 0) tenants.push_back({replica.pid, replica.memory});
    }
  }
  return tenants;
}

void GpuWatch::Look(const std::vector<launch::ModelStatus>& models, TimePoint now) {
  TellBlocked(now);
  const std::shared_ptr<const gpu::Inventory> inventory = reader_.Latest();
  if (inventory->number == last_) return;
  last_ = inventory->number;
  const auto tenants_of = [&](const gpu::Gpu& gpu) -> std::optional<std::vector<gpu::Tenant>> {
    const config::Device* device = DeviceOf(gpu);
    if (device == nullptr) return std::nullopt;
    return TenantsOn(device->name, models);
  };
  for (std::string& news : news_.Tell(*inventory, tenants_of)) events_.Add(kEventType, "", -1, std::move(news));
  gpu_metrics_.Set(*inventory);
  for (const gpu::Gpu& gpu : inventory->gpus) {
    if (const config::Device* device = DeviceOf(gpu)) SetMemory(gpu, *device, models);
  }
}

const config::Device* GpuWatch::DeviceOf(const gpu::Gpu& gpu) const {
  const auto found = std::ranges::find_if(
      plan_.devices, [&gpu](const config::Device& device) { return !device.cuda.empty() && device.cuda == gpu.uuid; });
  return found == plan_.devices.end() ? nullptr : &*found;
}

void GpuWatch::TellBlocked(TimePoint now) {
  const std::string blocked = reader_.Blocked(now);
  const bool news = blocked.empty() == blocked_;
  blocked_ = !blocked.empty();
  if (!news) return;
  events_.Add(kEventType, "", -1, blocked_ ? blocked + "; readings of GPUs are old until it does" : "NVML answers again");
}

void GpuWatch::SetMemory(const gpu::Gpu& gpu, const config::Device& device,
                         const std::vector<launch::ModelStatus>& models) {
  if (!gpu.memory) return metrics_.RemoveGauges({{"device", device.name}, {"source", "nvml"}});
  const gpu::ForeignUse foreign = ForeignOn(gpu, TenantsOn(device.name, models));
  metrics_.Gauge("device_memory_unaccounted_bytes", {{"device", device.name}}).Set(static_cast<double>(foreign.bytes.count));
  if (!gpu.processes) return;
  for (const launch::ModelStatus& model : models) {
    for (const launch::ReplicaStatus& replica : model.replicas) {
      const auto listed = std::ranges::find(*gpu.processes, replica.pid, &gpu::Process::pid);
      if (replica.pid == 0 || listed == gpu.processes->end() || !listed->used) continue;
      metrics_
          .Gauge("device_memory_used_bytes", {{"device", device.name}, {"model", model.name},
                                              {"replica", std::to_string(replica.replica)}, {"source", "nvml"}})
          .Set(static_cast<double>(listed->used->count));
    }
  }
}

}  // namespace berth::admin
