// The time series of GPUs and of NVML itself (METRICS: gpu_*, nvml_*), set from one reading after another. What the
// driver does not say has no series; what it no longer says loses its series. Owned by the watch (gpu_watch.h),
// control thread only.
#pragma once

#include <map>
#include <set>
#include <string>

#include "supervisor/gpu/inventory.h"
#include "supervisor/observe/metrics.h"

namespace berth::admin {

class GpuMetrics {
 public:
  explicit GpuMetrics(observe::Metrics& metrics) : metrics_(metrics) {}

  // Each reading once.
  void Set(const gpu::Inventory& inventory);

 private:
  void SetGpu(const gpu::Gpu& gpu, const std::string& driver);
  void SetGauges(const std::string& label, const std::map<std::string_view, double>& values);
  // Brings a counter to the driver's; one that fell began anew.
  void Count(std::string_view name, observe::Labels labels, double total);

  observe::Metrics& metrics_;
  std::map<std::string, std::set<std::string_view>> shown_;  // gauges, by GPU
  std::map<std::pair<std::string, observe::Labels>, double> totals_;
};

}  // namespace berth::admin
