// What the kernel says about a worker process and about the host's OOM killer. Reads /proc; never blocks for long.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "supervisor/base/bytes.h"

namespace berth::launch {

// Whether this build holds workers to their budgets: not with a sanitizer, whose own memory is most of theirs.
#ifdef BERTH_SANITIZED
inline constexpr bool kFencesMemory = false;
#else
inline constexpr bool kFencesMemory = true;
#endif

struct WorkerStats {
  Bytes private_memory;  // resident, and not shared with anybody
  double cpu_seconds = 0;
  int open_fds = 0;
};

// Nothing when the process is gone or hidden.
std::optional<WorkerStats> ReadWorkerStats(pid_t pid);

// Kills by the kernel's OOM killer so far: in this process's memory cgroup when it can be read, else on the
// whole host.
std::uint64_t OomKills();

// Caps what the process may still allocate: VmData + (budget − RssAnon) + 256 MiB, as the kernel counts them, or as
// the process reported them after its warm-up where the kernel does not tell. Never before, because OpenBLAS spins for
// ever and oneDNN crashes when they meet the limit while they start. Returns the limit, or 0 when none was set (the
// kernel refused, or a sanitizer build, whose shadow memory would not fit).
std::uint64_t FenceData(pid_t pid, std::uint64_t vm_data, std::uint64_t rss_anon, std::uint64_t budget);

}  // namespace berth::launch
