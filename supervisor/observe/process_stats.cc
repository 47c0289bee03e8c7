#include "supervisor/observe/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "supervisor/base/proc_file.h"

namespace berth::observe {
namespace {

double BootSeconds() {
  std::istringstream lines(ReadProcFile("/proc/stat"));
  std::string word;
  double value = 0;
  while (lines >> word) {
    if (word == "btime" && lines >> value) return value;
  }
  return 0;
}

std::optional<double> CountOpenFds() {
  std::error_code failed;
  std::filesystem::directory_iterator entries("/proc/self/fd", failed);
  if (failed) return std::nullopt;
  // One of the entries is the directory being listed.
  return static_cast<double>(std::distance(begin(entries), end(entries)) - 1);
}

std::optional<double> MaxFds() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

// proc(5): numbers of the fields after the command's closing parenthesis, state being the first.
constexpr std::size_t kUserTicks = 11;
constexpr std::size_t kSystemTicks = 12;
constexpr std::size_t kStartTicks = 19;
constexpr std::size_t kVirtualBytes = 20;
constexpr std::size_t kResidentPages = 21;

}  // namespace

ProcessStats ParseProcessStat(std::string_view stat, double ticks_per_second, double page_bytes,
                              double boot_seconds) {
  // The command may hold spaces and parentheses: the last one ends it.
  const auto command_end = stat.rfind(')');
  if (command_end == std::string_view::npos) return {};
  std::istringstream words{std::string(stat.substr(command_end + 1))};
  const std::vector<std::string> fields{std::istream_iterator<std::string>(words), {}};
  if (fields.size() <= kResidentPages) return {};
  auto number = [&fields](std::size_t at) { return std::strtod(fields[at].c_str(), nullptr); };
  ProcessStats stats;
  stats.cpu_seconds = (number(kUserTicks) + number(kSystemTicks)) / ticks_per_second;
  stats.virtual_bytes = number(kVirtualBytes);
  stats.resident_bytes = number(kResidentPages) * page_bytes;
  if (boot_seconds > 0) stats.start_time_seconds = boot_seconds + number(kStartTicks) / ticks_per_second;
  return stats;
}

ProcessStats ReadProcessStats() {
  ProcessStats stats = ParseProcessStat(ReadProcFile("/proc/self/stat"), static_cast<double>(::sysconf(_SC_CLK_TCK)),
                                        static_cast<double>(::sysconf(_SC_PAGESIZE)), BootSeconds());
  stats.open_fds = CountOpenFds();
  stats.max_fds = MaxFds();
  return stats;
}

}  // namespace berth::observe
