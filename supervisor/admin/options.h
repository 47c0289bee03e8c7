// The command line of berthd.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "supervisor/base/result.h"

namespace berth::admin {

struct Options {
  std::filesystem::path plan;
  std::filesystem::path worker;  // empty: the own one (FindWorker)
  std::string nvml;              // the library that reads GPUs; empty: the system's
  bool check = false;            // look at the plan, say what is wrong, start nothing
  bool help = false;
  bool version = false;
};

// kInvalid: an unknown option, a missing or a second plan.
Result<Options> ParseOptions(std::span<const std::string> arguments);

std::string HelpText();

}  // namespace berth::admin
