// What must hold before the daemon starts anything: a good plan that fits, a worker program, limits. Each step
// either succeeds or says which exit code and message end the program.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "config/plan.h"
#include "supervisor/admin/options.h"
#include "supervisor/base/exit_code.h"
#include "supervisor/base/result.h"
#include "supervisor/gpu/reader.h"
#include "supervisor/placement/estimate.h"
#include "supervisor/placement/placement.h"

namespace berth::admin {

struct Refused {
  Exit exit = Exit::kInternal;
  std::string message;
};
template <class T>
using Prepared = boost::system::result<T, Refused>;

// kPermission: 77; kInternal: 70; everything else: 73, since by then only creating and binding can fail.
Refused RefusedBy(const Error& error);

struct CheckedPlan {
  config::Plan plan;  // its GPUs have their UUIDs and their real memory
  placement::Placement placement;
  std::unique_ptr<gpu::Reader> gpus;  // null: the plan has none, and NVML is not opened
  placement::Estimates estimates;
};
// Parses, looks at the GPUs and the sources, gives models without `memory` the estimate, places. All mistakes at once;
// exit 65. `nvml`: of the options. Where the plan has GPUs this waits for their first reading.
Prepared<CheckedPlan> CheckPlan(const std::filesystem::path& file, const std::string& nvml = {});

// The absolute path of the worker program: `given`, or berth-worker beside this program, or where
// `cmake --install` puts it, in ../libexec/berth/.
Prepared<std::filesystem::path> FindWorker(const std::filesystem::path& given);

// The plan's folder for workers' logs, or "logs" in the runtime folder.
std::filesystem::path LogDir(const config::Plan& plan);
// Makes it where there is none. Errors: it cannot be made, or not be written to.
Status MakeLogDir(const std::filesystem::path& folder);

// As many descriptors as the system grants, and writing to closed sockets is an error, not a signal.
void RaiseLimits();

}  // namespace berth::admin
