// The environment of a worker: an allow-list of the daemon's own, so that no secret travels, and the settings
// that the engine's libraries read before main(). Pure but for its arguments' origin.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berth::launch {

// `own`: "NAME=value" of the daemon; `cpu_flags`: the words of the line "flags" of /proc/cpuinfo.
// OpenBLAS releases older than the processor fall back to SSE kernels, at a fifth of the speed, unless told.
// `gpus`: UUIDs of the GPUs or MIG instances that the worker may see, and no others, in this order; none: a worker on
// the CPU, which must not open a GPU by itself (a context costs hundreds of MiB that nobody has reserved).
std::vector<std::string> WorkerEnvironment(const std::vector<std::string>& own, std::string_view cpu_flags,
                                           int threads, const std::vector<std::string>& gpus = {});

std::vector<std::string> OwnEnvironment();
std::string CpuFlags();

}  // namespace berth::launch
