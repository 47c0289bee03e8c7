#include "supervisor/launch/worker_environment.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

namespace berth::launch {
namespace {

constexpr std::array<std::string_view, 6> kExact = {"PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH",
                                                    "OPENBLAS_CORETYPE"};
constexpr std::array<std::string_view, 2> kPrefixes = {"OMP_", "CUDA_"};
// Set by the plan's `threads`, whatever the daemon has.
constexpr std::array<std::string_view, 2> kThreads = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"};
// Set by the placement, whatever the daemon has. The order makes CUDA's numbers those of NVML and nvidia-smi; CUDA's
// own default is the fastest first.
constexpr std::string_view kVisible = "CUDA_VISIBLE_DEVICES";
constexpr std::string_view kOrder = "CUDA_DEVICE_ORDER";

// Threads that wait for each other must not spin: with as many of them as cores, or neighbours on the same ones,
// spinning costs ten times the work (two replicas of two threads on two cores: 30 and 320 requests a second).
// An operator who gives every worker cores of its own may say ACTIVE.
constexpr std::string_view kWaitPolicy = "OMP_WAIT_POLICY";

bool Contains(const auto& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool Allowed(std::string_view name) {
  if (Contains(kThreads, name) || name == kVisible || name == kOrder) return false;
  return Contains(kExact, name) || std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](std::string_view prefix) {
           return name.starts_with(prefix);
         });
}

bool HasFlag(std::string_view flags, std::string_view flag) {
  const std::string padded = " " + std::string(flags) + " ";
  return padded.find(" " + std::string(flag) + " ") != std::string::npos;
}

std::string_view CoreType(std::string_view flags) {
  if (HasFlag(flags, "avx512f")) return "SkylakeX";
  if (HasFlag(flags, "avx2")) return "Haswell";
  return "";
}

std::string VisibleDevices(const std::vector<std::string>& gpus) {
  std::string entry = std::string(kVisible) + "=";
  for (const std::string& gpu : gpus) entry.append(entry.ends_with('=') ? "" : ",").append(gpu);
  return entry;
}

}  // namespace

std::vector<std::string> WorkerEnvironment(const std::vector<std::string>& own, std::string_view cpu_flags,
                                           int threads, const std::vector<std::string>& gpus) {
  std::vector<std::string> environment;
  bool has_core_type = false;
  bool has_wait_policy = false;
  for (const std::string& entry : own) {
    const std::string_view name = std::string_view(entry).substr(0, entry.find('='));
    if (!Allowed(name)) continue;
    has_core_type |= name == "OPENBLAS_CORETYPE";
    has_wait_policy |= name == kWaitPolicy;
    environment.push_back(entry);
  }
  const std::string_view core_type = CoreType(cpu_flags);
  if (!has_core_type && !core_type.empty()) {
    environment.push_back("OPENBLAS_CORETYPE=" + std::string(core_type));
  }
  if (!has_wait_policy) environment.push_back(std::string(kWaitPolicy) + "=PASSIVE");
  for (std::string_view name : kThreads) environment.push_back(std::string(name) + "=" + std::to_string(threads));
  environment.push_back(VisibleDevices(gpus));
  if (!gpus.empty()) environment.push_back(std::string(kOrder) + "=PCI_BUS_ID");
  return environment;
}

std::vector<std::string> OwnEnvironment() {
  std::vector<std::string> own;
  for (char** entry = environ; *entry != nullptr; ++entry) own.emplace_back(*entry);
  return own;
}

std::string CpuFlags() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("flags") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

}  // namespace berth::launch
