// What /proc says of this process, for the process_… metrics. Read at each scrape, never kept. A value that
// cannot be read is absent, not 0. Any thread.
#pragma once

#include <optional>
#include <string_view>

namespace berth::observe {

struct ProcessStats {
  std::optional<double> cpu_seconds;
  std::optional<double> resident_bytes;
  std::optional<double> virtual_bytes;
  std::optional<double> open_fds;
  std::optional<double> max_fds;
  std::optional<double> start_time_seconds;  // since the epoch
};

ProcessStats ReadProcessStats();

// `stat` is the text of /proc/PID/stat, `boot_seconds` the host's boot since the epoch (0: unknown). Nothing is
// set when the text is not what proc(5) describes.
ProcessStats ParseProcessStat(std::string_view stat, double ticks_per_second, double page_bytes,
                              double boot_seconds);

}  // namespace berth::observe
