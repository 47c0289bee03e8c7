// A plan's GPUs and the host's, brought together before anything starts. Pure.
#pragma once

#include <vector>

#include "config/plan.h"
#include "supervisor/base/result.h"
#include "supervisor/gpu/inventory.h"

namespace berth::admin {

bool NeedsGpus(const config::Plan& plan);

// Puts UUIDs in the place of whatever names the plan's GPUs, and their real memory where the plan gives none. Returns
// every mistake: no such GPU, the same one twice, more memory than it has; kUnavailable: the driver gives nothing, or the
// GPU is lost, which may pass.
std::vector<Error> ResolveGpus(config::Plan& plan, const gpu::Inventory& inventory);

}  // namespace berth::admin
