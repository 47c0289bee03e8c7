#include "supervisor/gpu/tenancy.h"

#include <algorithm>
#include <chrono>

namespace berth::gpu {
namespace {

// Readings come once a second; a device that was silent for this long is not one to begin on.
constexpr Duration kMostAge = std::chrono::seconds(10);
constexpr std::size_t kMostNamed = 3;

bool IsOurs(const Process& process, std::span<const Tenant> ours) {
  return std::ranges::any_of(ours, [&](const Tenant& tenant) { return tenant.pid != 0 && tenant.pid == process.pid; });
}

bool Lists(const Gpu& gpu, int pid) {
  return gpu.processes && std::ranges::find(*gpu.processes, pid, &Process::pid) != gpu.processes->end();
}

Bytes SumReserved(std::span<const Tenant> ours) {
  Bytes sum;
  for (const Tenant& tenant : ours) sum += tenant.reserved;
  return sum;
}

// What ours use; nothing where one of them has no reading.
std::optional<Bytes> SumMeasured(const Gpu& gpu, std::span<const Tenant> ours) {
  Bytes sum;
  for (const Process& process : *gpu.processes) {
    if (!IsOurs(process, ours)) continue;
    if (!process.used) return std::nullopt;
    sum += *process.used;
  }
  return sum;
}

Bytes Beyond(Bytes all, Bytes part) { return all > part ? all - part : Bytes{}; }

std::string NamesOf(const std::vector<Process>& processes) {
  std::string names;
  for (std::size_t i = 0; i < std::min(processes.size(), kMostNamed); ++i) {
    names.append(names.empty() ? "" : ", ").append(Describe(processes[i]));
  }
  if (processes.size() > kMostNamed) names += " and " + std::to_string(processes.size() - kMostNamed) + " more";
  return names;
}

std::string Crowded(const Gpu& gpu, Bytes needed, Bytes reserved, const ForeignUse& foreign) {
  const std::string who = foreign.processes.empty() ? "processes that are not Berth's" : NamesOf(foreign.processes);
  return "needs " + FormatBytes(needed) + " on " + Describe(gpu) + " of " + FormatBytes(gpu.memory->total) + ", where " +
         FormatBytes(reserved) + " is reserved for other replicas and others hold " + FormatBytes(foreign.bytes) +
         ": " + who + "; end them, or lower memory";
}

std::string Seconds(Duration age) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) + " s";
}

}  // namespace

PidView ViewOf(const Gpu& gpu, std::span<const Tenant> ours, bool listed_before) {
  if (!gpu.processes) return PidView::kHosts;
  if (listed_before) return PidView::kOurs;
  const auto running = [](const Tenant& tenant) { return tenant.pid != 0; };
  const auto listed = [&gpu](const Tenant& tenant) { return tenant.pid != 0 && Lists(gpu, tenant.pid); };
  return std::ranges::any_of(ours, running) && std::ranges::none_of(ours, listed) ? PidView::kHosts : PidView::kOurs;
}

ForeignUse ForeignOn(const Gpu& gpu, std::span<const Tenant> ours, bool listed) {
  if (!gpu.memory) return {};
  const Bytes used = gpu.memory->used;
  if (ViewOf(gpu, ours, listed) == PidView::kHosts) return {Beyond(used, SumReserved(ours)), {}};
  ForeignUse foreign{Beyond(used, SumMeasured(gpu, ours).value_or(SumReserved(ours))), {}};
  std::ranges::copy_if(*gpu.processes, std::back_inserter(foreign.processes),
                       [&ours](const Process& process) { return !IsOurs(process, ours); });
  std::ranges::stable_sort(foreign.processes, std::greater<>(),
                           [](const Process& process) { return process.used.value_or(Bytes{}).count; });
  return foreign;
}

bool Shows(const Inventory& inventory, std::string_view uuid, int pid) {
  const Gpu* gpu = FindUuid(inventory, uuid);
  return gpu != nullptr && Lists(*gpu, pid);
}

std::optional<std::string> Unusable(const Inventory& inventory, std::string_view uuid, TimePoint now) {
  if (!inventory.error.empty()) return "the GPUs cannot be read: " + inventory.error;
  const Gpu* gpu = FindUuid(inventory, uuid);
  if (gpu == nullptr) return "there is no GPU " + std::string(uuid) + " any more";
  if (!gpu->lost.empty()) return Describe(*gpu) + " cannot be used: " + gpu->lost;
  const auto age = std::chrono::duration_cast<Duration>(now - gpu->read_at);
  if (age > kMostAge) return Describe(*gpu) + " has not answered for " + Seconds(age);
  return std::nullopt;
}

std::optional<std::string> Objection(const Inventory& inventory, std::string_view uuid, Bytes needed,
                                     std::span<const Tenant> ours, TimePoint now, bool listed) {
  if (auto unusable = Unusable(inventory, uuid, now)) return unusable;
  const Gpu* gpu = FindUuid(inventory, uuid);
  if (!gpu->memory) return std::nullopt;  // it does not say: then the ledger alone decides
  const ForeignUse foreign = ForeignOn(*gpu, ours, listed);
  const Bytes reserved = SumReserved(ours);
  if (foreign.bytes + reserved + needed <= gpu->memory->total) return std::nullopt;
  return Crowded(*gpu, needed, reserved, foreign);
}

bool ProvenGone(const Inventory& inventory, std::string_view uuid, const Stay& stay, TimePoint reaped_at) {
  if (!inventory.up()) return false;
  const Gpu* gpu = FindUuid(inventory, uuid);
  if (gpu == nullptr) return inventory.taken_at > reaped_at;  // an instance that was destroyed with all in it
  if (!gpu->lost.empty()) return true;
  if (gpu->read_at <= reaped_at) return false;
  if (stay.listed && gpu->processes) return !Lists(*gpu, stay.pid);
  if (!stay.used_before) return true;  // there is nothing to compare with: reaped is all there is
  return gpu->memory && gpu->memory->used <= *stay.used_before + stay.reserved_since;
}

}  // namespace berth::gpu
