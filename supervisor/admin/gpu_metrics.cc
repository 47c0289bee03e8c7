#include "supervisor/admin/gpu_metrics.h"

#include <algorithm>

namespace berth::admin {
namespace {

using gpu::Gpu;

// What the driver says of it now. Nothing of a lost one.
std::map<std::string_view, double> ValuesOf(const Gpu& gpu) {
  std::map<std::string_view, double> values;
  if (!gpu.lost.empty()) return values;
  const auto set = [&values](std::string_view name, const auto& value) {
    if (value) values[name] = static_cast<double>(*value);
  };
  const gpu::Gauges& gauges = gpu.gauges;
  set("gpu_utilization_ratio", gauges.busy);
  set("gpu_memory_copy_utilization_ratio", gauges.memory_busy);
  set("gpu_power_watts", gauges.watts);
  set("gpu_power_limit_watts", gauges.limit_watts);
  set("gpu_temperature_celsius", gauges.celsius);
  set("gpu_memory_temperature_celsius", gauges.memory_celsius);
  set("gpu_sm_clock_hertz", gauges.sm_hertz);
  set("gpu_remapped_rows", gauges.remapped_rows);
  return values;
}

}  // namespace

void GpuMetrics::Set(const gpu::Inventory& inventory) {
  metrics_.Gauge("nvml_up", {}).Set(inventory.up() ? 1 : 0);
  metrics_.Gauge("nvml_scrape_duration_seconds", {}).Set(std::chrono::duration<double>(inventory.took).count());
  std::set<std::string> seen;
  for (const Gpu& gpu : inventory.gpus) {
    SetGpu(gpu, inventory.driver);
    seen.insert(ShortUuid(gpu));
  }
  std::erase_if(shown_, [&](const auto& entry) {
    if (seen.contains(entry.first)) return false;
    metrics_.RemoveGauges({{"gpu", entry.first}});
    return true;
  });
}

void GpuMetrics::SetGpu(const Gpu& gpu, const std::string& driver) {
  const std::string label = ShortUuid(gpu);
  SetGauges(label, ValuesOf(gpu));
  if (gpu.lost.empty()) {
    metrics_
        .Gauge("gpu_info", {{"gpu", label}, {"uuid", gpu.uuid}, {"name", gpu.name}, {"driver", driver},
                            {"mig_profile", gpu.mig_profile}})
        .Set(1);
  }
  for (const auto& [xid, count] : gpu.xids) {
    Count("gpu_xid_errors_total", {{"gpu", label}, {"xid", std::to_string(xid)}}, static_cast<double>(count));
  }
  const gpu::Gauges& gauges = gpu.gauges;
  if (gauges.joules) Count("gpu_energy_joules_total", {{"gpu", label}}, *gauges.joules);
  for (const auto& [reason, seconds] : gauges.throttled_seconds) {
    Count("gpu_throttle_seconds_total", {{"gpu", label}, {"reason", reason}}, seconds);
  }
  const auto ecc = [&](const char* type, const std::optional<std::uint64_t>& errors) {
    if (errors) Count("gpu_ecc_errors_total", {{"gpu", label}, {"type", type}}, static_cast<double>(*errors));
  };
  ecc("corrected", gauges.ecc_corrected);
  ecc("uncorrected", gauges.ecc_uncorrected);
}

void GpuMetrics::SetGauges(const std::string& label, const std::map<std::string_view, double>& values) {
  std::set<std::string_view>& shown = shown_[label];
  const bool all_there = std::ranges::all_of(shown, [&](std::string_view name) { return values.contains(name); });
  if (!all_there || values.empty()) metrics_.RemoveGauges({{"gpu", label}});
  shown.clear();
  for (const auto& [name, value] : values) {
    metrics_.Gauge(name, {{"gpu", label}}).Set(value);
    shown.insert(name);
  }
}

void GpuMetrics::Count(std::string_view name, observe::Labels labels, double total) {
  double& counted = totals_[{std::string(name), labels}];
  prometheus::Counter& counter = metrics_.Counter(name, labels);
  counter.Increment(total >= counted ? total - counted : total);
  counted = total;
}

}  // namespace berth::admin
