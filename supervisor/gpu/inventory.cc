#include "supervisor/gpu/inventory.h"

#include <algorithm>

namespace berth::gpu {
namespace {

// What tells one device from another begins behind "GPU-" or "MIG-".
constexpr std::size_t kKindLength = 4;

std::string ListOf(const std::vector<Gpu>& gpus) {
  std::string list;
  for (const Gpu& gpu : gpus) {
    list.append(list.empty() ? "" : ", ").append(Position(gpu)).append(" = ").append(gpu.uuid.empty() ? "?" : gpu.uuid);
    list.append(" (").append(gpu.is_mig() ? gpu.mig_profile : gpu.name);
    if (gpu.memory) list.append(", ").append(FormatBytes(gpu.memory->total));
    if (gpu.divided) list.append(", divided into MIG instances");
    if (!gpu.lost.empty()) list.append(", lost");
    list.append(")");
  }
  return list;
}

std::vector<Gpu> Matching(const Inventory& inventory, const std::string& cuda) {
  std::vector<Gpu> found;
  const bool by_beginning = cuda.size() > kKindLength && (cuda.starts_with("GPU-") || cuda.starts_with("MIG-"));
  for (const Gpu& gpu : inventory.gpus) {
    if (Position(gpu) == cuda || (!gpu.uuid.empty() && gpu.uuid == cuda)) return {gpu};
    if (by_beginning && gpu.uuid.starts_with(cuda)) found.push_back(gpu);
  }
  return found;
}

Status CheckUsable(const Inventory& inventory, const Gpu& gpu) {
  if (!gpu.lost.empty()) return MakeError(ErrorKind::kUnavailable, Describe(gpu), " cannot be used: ", gpu.lost);
  if (!gpu.divided) return Ok();
  std::vector<Gpu> instances;
  std::ranges::copy_if(inventory.gpus, std::back_inserter(instances),
                       [&gpu](const Gpu& other) { return other.is_mig() && other.index == gpu.index; });
  if (instances.empty()) {
    return Invalid(Describe(gpu), " has MIG switched on and no instance; make one (nvidia-smi mig -cgi), or switch MIG off");
  }
  return Invalid(Describe(gpu), " is divided into MIG instances; name one of them: ", ListOf(instances));
}

}  // namespace

std::string Describe(const Process& process) {
  std::string text = "pid " + std::to_string(process.pid);
  if (!process.name.empty()) text += " (" + process.name + ")";
  return text + " with " + (process.used ? FormatBytes(*process.used) : "an unknown part of its memory");
}

std::string Position(const Gpu& gpu) {
  return std::to_string(gpu.index) + (gpu.is_mig() ? ":" + std::to_string(gpu.mig_index) : "");
}

std::string ShortUuid(const Gpu& gpu) {
  // "MIG-GPU-5f1c2a3b-…/1/0" of old drivers has its number behind the second word, and only its end is its own.
  if (gpu.uuid.starts_with("MIG-GPU-")) {
    const std::size_t place = std::min(gpu.uuid.find('/'), gpu.uuid.size());
    return gpu.uuid.substr(0, gpu.uuid.find('-', 2 * kKindLength)) + gpu.uuid.substr(place);
  }
  return gpu.uuid.size() <= kKindLength ? "gpu" + Position(gpu) : gpu.uuid.substr(0, gpu.uuid.find('-', kKindLength));
}

std::string Describe(const Gpu& gpu) {
  const std::string name = gpu.is_mig() ? gpu.mig_profile : gpu.name;
  return (gpu.is_mig() ? "MIG instance " : "GPU ") + Position(gpu) + " (" + ShortUuid(gpu) +
         (name.empty() ? "" : ", " + name) + ")";
}

const Gpu* FindUuid(const Inventory& inventory, std::string_view uuid) {
  const auto found = std::ranges::find(inventory.gpus, uuid, &Gpu::uuid);
  return uuid.empty() || found == inventory.gpus.end() ? nullptr : &*found;
}

Result<Gpu> Find(const Inventory& inventory, const std::string& cuda) {
  if (!inventory.error.empty()) {
    return MakeError(ErrorKind::kUnavailable, "cannot look for GPU \"", cuda, "\": ", inventory.error);
  }
  if (inventory.gpus.empty()) return MakeError(ErrorKind::kNotFound, "no GPU \"", cuda, "\": this host has none");
  const std::vector<Gpu> found = Matching(inventory, cuda);
  if (found.empty()) {
    return MakeError(ErrorKind::kNotFound, "no GPU \"", cuda, "\"; there are ", ListOf(inventory.gpus));
  }
  if (found.size() > 1) return Invalid("\"", cuda, "\" is the beginning of several: ", ListOf(found), "; write more of it");
  if (const Status usable = CheckUsable(inventory, found.front()); !usable) return usable.error();
  return found.front();
}

std::vector<Gpu> Usable(const Inventory& inventory) {
  std::vector<Gpu> usable;
  std::ranges::copy_if(inventory.gpus, std::back_inserter(usable),
                       [](const Gpu& gpu) { return !gpu.divided && gpu.lost.empty() && !gpu.uuid.empty(); });
  return usable;
}

}  // namespace berth::gpu
