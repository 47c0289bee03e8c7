// How large a plan's GPUs are, from the driver of this machine: for `berth plan` and `berth validate`, which need neither
// a GPU nor NVML and go on without. NVML is opened at run time, and only where a GPU of the plan gives no `memory`.
#pragma once

#include <string>
#include <vector>

#include "config/plan.h"

namespace berth::cli {

// Gives GPUs without `memory` all that they have. Returns a sentence for each whose size stays unknown, with the reason.
// Waits for one reading, at most 20 s.
std::vector<std::string> AskGpuSizes(config::Plan& plan);

}  // namespace berth::cli
