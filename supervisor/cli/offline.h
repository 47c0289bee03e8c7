// `berth validate` and `berth plan`: what can be said about a plan without a daemon. Results go to standard
// output, mistakes to standard error; with `json`, one JSON object on standard output says both.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/base/bytes.h"

namespace berth::cli {

// Is the plan right, are its sources there, do its boot models fit? Returns the exit code: 0; 65 with every
// mistake; 1 when the placement is refused.
//   {"ok": bool, "file": "…", "mistakes": [{"line", "column", "message"}], "refusals": [{"model", "replica",
//   "message"}], "warnings": ["…"]}; line 0 stands for the whole file. A budget below its estimate
//   is a warning, and so is a GPU whose size neither the plan nor NVML tells.
int Validate(const std::filesystem::path& plan, bool json);

// Where each replica would go, in which order they load, and what each model is expected to need. Sources that are not
// there are no mistake but of models without `memory`: a plan may be tried on a machine that does not hold the models.
// `hardware`: names and sizes of devices that this machine may not have; they replace the plan's of the same name, and
// are added to it otherwise. Exit codes as above.
//   adds "assignments": [{"model", "replica", "devices", "memory_bytes", "threads", "wave", "start"}] and
//   "devices": [{"name", "memory_bytes", "reserved_bytes", "threads"}], "estimates": [{"model", "parts": [{"name",
//   "bytes", "adds"}], "estimate_bytes", "memory_bytes": the budget, "memory_estimated": bool}].
int PlanCommand(const std::filesystem::path& plan, const std::vector<std::pair<std::string, Bytes>>& hardware, bool json);

}  // namespace berth::cli
