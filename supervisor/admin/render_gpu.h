// What NVML reads of the plan's GPUs, as the JSON of /v1/devices: under each device's key `gpu`, null for the CPU. What
// the driver does not say is null.
#pragma once

#include <vector>

#include "supervisor/admin/render.h"
#include "supervisor/gpu/inventory.h"

namespace berth::admin {

// `devices`: as RenderDevices() makes it; the plan's devices have their UUIDs.
void AddGpus(Json& devices, const config::Plan& plan, const gpu::Inventory& inventory,
             const std::vector<launch::ModelStatus>& models, TimePoint now);

}  // namespace berth::admin
