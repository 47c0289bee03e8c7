#include "supervisor/cli/gpu_sizes.h"

#include <algorithm>

#include "supervisor/gpu/reader.h"

namespace berth::cli {
namespace {

// A driver that has nothing to do may take seconds to wake its GPUs.
constexpr Duration kReading = std::chrono::seconds(20);

bool LacksSize(const config::Device& device) { return !device.cuda.empty() && device.memory.count == 0; }

// Why its size stays unknown; "" and it is known.
std::string Fill(config::Device& device, const gpu::Inventory& inventory) {
  if (inventory.number == 0) return "NVML does not answer";
  const Result<gpu::Gpu> gpu = gpu::Find(inventory, device.cuda);
  if (!gpu) return gpu.error().message;
  if (!gpu->memory) return Describe(*gpu) + " does not tell its memory";
  device.memory = gpu->memory->total;
  return "";
}

}  // namespace

std::vector<std::string> AskGpuSizes(config::Plan& plan) {
  if (std::ranges::none_of(plan.devices, LacksSize)) return {};
  const gpu::Reader reader({});
  const auto inventory = reader.WaitForReading(kReading);
  std::vector<std::string> unknown;
  for (config::Device& device : plan.devices) {
    const std::string why = LacksSize(device) ? Fill(device, *inventory) : "";
    if (why.empty()) continue;
    unknown.push_back("device \"" + device.name + "\": its memory is not known here: " + why + "; give it the key memory, or say `berth plan --device " +
                      device.name + "=80GiB`");
  }
  return unknown;
}

}  // namespace berth::cli
