// What the daemon makes of the GPUs' readings, about once a second: events, metrics, and the facts of `berth devices`.
// Takes readings that are there (gpu/reader.h) and never waits for one. Owned by the daemon, control thread only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/plan.h"
#include "supervisor/admin/gpu_metrics.h"
#include "supervisor/gpu/news.h"
#include "supervisor/gpu/reader.h"
#include "supervisor/launch/fleet.h"
#include "supervisor/observe/events.h"
#include "supervisor/observe/metrics.h"

namespace berth::admin {

// Our replicas that hold something of a device.
std::vector<gpu::Tenant> TenantsOn(const std::string& device, const std::vector<launch::ModelStatus>& models);

class GpuWatch {
 public:
  // `plan`: devices have their UUIDs (gpu_devices.h). Everything referenced outlives the watch.
  GpuWatch(const config::Plan& plan, const gpu::Reader& reader, observe::Events& events, observe::Metrics& metrics)
      : plan_(plan), reader_(reader), events_(events), metrics_(metrics), gpu_metrics_(metrics) {}

  void Look(const std::vector<launch::ModelStatus>& models, TimePoint now);

 private:
  const config::Device* DeviceOf(const gpu::Gpu& gpu) const;
  void TellBlocked(TimePoint now);
  void SetMemory(const gpu::Gpu& gpu, const config::Device& device, const std::vector<launch::ModelStatus>& models);

  const config::Plan& plan_;
  const gpu::Reader& reader_;
  observe::Events& events_;
  observe::Metrics& metrics_;
  GpuMetrics gpu_metrics_;
  gpu::News news_;
  std::uint64_t last_ = 0;  // number of the reading that was looked at last
  bool blocked_ = false;
};

}  // namespace berth::admin
