// The GPUs among the daemon's devices as text: how they are, and who else uses them. Pure.
#pragma once

#include <string>

#include "supervisor/cli/views.h"

namespace berth::cli {

// Empty where no device is a GPU.
std::string ViewGpus(const Json& devices, Screen screen);

}  // namespace berth::cli
