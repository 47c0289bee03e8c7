#include "supervisor/admin/gpu_devices.h"

#include <algorithm>
#include <map>

namespace berth::admin {
namespace {

std::string Size(const config::Device& device, const gpu::Gpu& gpu) {
  const Bytes total = gpu.memory ? gpu.memory->total : Bytes{};
  if (device.memory > total) {
    return "memory is " + FormatBytes(device.memory) + ", but " + Describe(gpu) + " has " + FormatBytes(total) +
           "; lower it, or leave it out";
  }
  if (device.reserve >= total) {
    return "reserve is " + FormatBytes(device.reserve) + ", but " + Describe(gpu) + " has only " + FormatBytes(total);
  }
  return {};
}

// The mistake with this GPU, or nothing and the device is resolved.
std::string Resolve(config::Device& device, const Result<gpu::Gpu>& gpu, std::map<std::string, std::string>& taken) {
  if (!gpu) return gpu.error().message;
  const auto [other, fresh] = taken.emplace(gpu->uuid, device.name);
  if (!fresh) return Describe(*gpu) + " is device \"" + other->second + "\" already; a GPU is one device";
  device.cuda = gpu->uuid;
  if (!gpu->memory) return device.memory.count > 0 ? "" : Describe(*gpu) + " does not tell its memory; give the key memory";
  if (std::string wrong = Size(device, *gpu); !wrong.empty()) return wrong;
  if (device.memory.count == 0) device.memory = gpu->memory->total;
  return {};
}

}  // namespace

bool NeedsGpus(const config::Plan& plan) {
  return std::ranges::any_of(plan.devices, [](const config::Device& device) { return !device.cuda.empty(); });
}

std::vector<Error> ResolveGpus(config::Plan& plan, const gpu::Inventory& inventory) {
  std::vector<Error> wrong;
  std::map<std::string, std::string> taken;
  for (config::Device& device : plan.devices) {
    if (device.cuda.empty()) continue;
    const Result<gpu::Gpu> gpu = Find(inventory, device.cuda);
    const std::string mistake = Resolve(device, gpu, taken);
    const ErrorKind kind = gpu ? ErrorKind::kInvalid : gpu.error().kind;
    if (!mistake.empty()) wrong.push_back(MakeError(kind, "device \"", device.name, "\": ", mistake));
  }
  return wrong;
}

}  // namespace berth::admin
