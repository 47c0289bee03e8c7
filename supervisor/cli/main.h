// berth, from the command line to the exit code.
#pragma once

#include <span>
#include <string>

#include "supervisor/base/exit_code.h"

namespace berth::cli {

Exit Main(std::span<const std::string> arguments);

}  // namespace berth::cli
