#include "supervisor/admin/render_gpu.h"

#include <algorithm>

#include "supervisor/admin/gpu_watch.h"

namespace berth::admin {
namespace {

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json RenderForeign(const std::vector<gpu::Process>& processes) {
  Json list = Json::array();
  for (const gpu::Process& process : processes) {
    list.push_back({{"pid", process.pid},
                    {"name", TextOrNull(process.name)},
                    {"bytes", process.used ? Json(process.used->count) : Json()}});
  }
  return list;
}

Json RenderGpu(const gpu::Gpu& gpu, const std::vector<gpu::Tenant>& ours, TimePoint now) {
  const gpu::ForeignUse foreign = ForeignOn(gpu, ours);
  return {{"uuid", gpu.uuid},
          {"index", Position(gpu)},
          {"product", gpu.name},
          {"mig_profile", TextOrNull(gpu.mig_profile)},
          {"pci", TextOrNull(gpu.pci)},
          {"lost", TextOrNull(gpu.lost)},
          {"read_age_seconds", std::chrono::duration<double>(now - gpu.read_at).count()},
          {"total_bytes", gpu.memory ? Json(gpu.memory->total.count) : Json()},
          {"used_bytes", gpu.memory ? Json(gpu.memory->used.count) : Json()},
          {"foreign_bytes", gpu.memory ? Json(foreign.bytes.count) : Json()},
          {"foreign", RenderForeign(foreign.processes)},
          {"temperature_celsius", OrNull(gpu.gauges.celsius)},
          {"utilization_ratio", OrNull(gpu.gauges.busy)},
          {"power_watts", OrNull(gpu.gauges.watts)},
          {"power_limit_watts", OrNull(gpu.gauges.limit_watts)}};
}

// A device of the plan that this reading does not have.
gpu::Gpu Missing(const std::string& uuid, const gpu::Inventory& inventory) {
  gpu::Gpu gpu;
  gpu.uuid = uuid;
  gpu.lost = inventory.error.empty() ? "NVML lists it no longer" : inventory.error;
  gpu.read_at = inventory.taken_at;
  return gpu;
}

}  // namespace

void AddGpus(Json& devices, const config::Plan& plan, const gpu::Inventory& inventory,
             const std::vector<launch::ModelStatus>& models, TimePoint now) {
  for (Json& json : devices.at("devices")) {
    json["gpu"] = Json();
    const auto device = std::ranges::find(plan.devices, json.at("name").get<std::string>(), &config::Device::name);
    if (device == plan.devices.end() || device->cuda.empty()) continue;
    const gpu::Gpu* gpu = FindUuid(inventory, device->cuda);
    json["gpu"] = RenderGpu(gpu == nullptr ? Missing(device->cuda, inventory) : *gpu, TenantsOn(device->name, models), now);
  }
}

}  // namespace berth::admin
