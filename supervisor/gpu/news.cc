#include "supervisor/gpu/news.h"

#include <algorithm>
#include <utility>

namespace berth::gpu {
namespace {

// What operators look up first; the whole list is NVIDIA's "Xid Errors".
std::string_view MeaningOf(std::uint64_t xid) {
  switch (xid) {
    case 13: return " (a fault in a program's kernel)";
    case 31: return " (a program touched memory that is not its own)";
    case 48: return " (an uncorrectable memory error)";
    case 63: return " (a faulty memory row is remapped)";
    case 64: return " (a faulty memory row could not be remapped)";
    case 74: return " (an NVLink error)";
    case 79: return " (it has fallen off the bus)";
    case 94: return " (a contained memory error)";
    case 95: return " (an uncontained memory error)";
    case 119: return " (its system processor does not answer)";
    default: return "";
  }
}

std::string KeyOf(const Gpu& gpu) { return gpu.uuid.empty() ? Position(gpu) : gpu.uuid; }

std::string Grew(const Gpu& gpu, Bytes before, const ForeignUse& foreign) {
  std::string text = "foreign use of " + Describe(gpu) + " grew from " + FormatBytes(before) + " to " +
                     FormatBytes(foreign.bytes);
  if (!foreign.processes.empty()) text += ", most of it " + Describe(foreign.processes.front());
  return text;
}

}  // namespace

std::vector<std::string> News::Tell(const Inventory& inventory, const TenantsOf& tenants_of) {
  std::vector<std::string> news;
  if (inventory.error != error_) {
    news.push_back(inventory.error.empty() ? "NVML answers again" : "NVML gives no readings: " + inventory.error);
    error_ = inventory.error;
  }
  for (const Gpu& gpu : inventory.gpus) {
    TellOf(gpu, news);
    if (const auto ours = tenants_of(gpu)) TellForeignUse(gpu, *ours, news);
  }
  return news;
}

void News::TellOf(const Gpu& gpu, std::vector<std::string>& news) {
  Told& told = told_[KeyOf(gpu)];
  for (const auto& [xid, count] : gpu.xids) {
    const std::uint64_t before = std::exchange(told.xids[xid], count);
    if (count <= before) continue;
    const std::string times = count - before > 1 ? std::to_string(count - before) + " times " : "";
    news.push_back(Describe(gpu) + " reports " + times + "Xid " + std::to_string(xid) + std::string(MeaningOf(xid)));
  }
  if (gpu.lost != told.lost) {
    news.push_back(gpu.lost.empty() ? Describe(gpu) + " can be used again" : Describe(gpu) + " is lost: " + gpu.lost);
    told.lost = gpu.lost;
  }
}

void News::TellForeignUse(const Gpu& gpu, const std::vector<Tenant>& ours, std::vector<std::string>& news) {
  if (!gpu.lost.empty() || !gpu.memory) return;
  Told& told = told_[KeyOf(gpu)];
  const ForeignUse foreign = ForeignOn(gpu, ours);
  if (foreign.bytes >= told.foreign + kGrowth) {
    news.push_back(Grew(gpu, told.foreign, foreign));
    told.foreign = foreign.bytes;
  }
  told.foreign = std::min(told.foreign, foreign.bytes);
}

}  // namespace berth::gpu
