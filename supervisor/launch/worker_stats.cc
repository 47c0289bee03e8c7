#include "supervisor/launch/worker_stats.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

namespace berth::launch {
namespace {

constexpr std::uint64_t kFenceSlack = std::uint64_t{256} << 20;

// The number after "oom_kill " in a file of name-value lines.
std::optional<std::uint64_t> OomKillsIn(const std::string& path) {
  std::ifstream in(path);
  std::string name;
  std::uint64_t value = 0;
  while (in >> name >> value) {
    if (name == "oom_kill") return value;
  }
  return {};
}

// The file that counts OOM kills for the cgroup of this process, v2 or v1.
std::string CgroupCounter() {
  std::ifstream in("/proc/self/cgroup");
  std::string unified;
  for (std::string line; std::getline(in, line);) {
    const auto path = line.substr(line.rfind(':') + 1);
    if (line.find(":memory:") != std::string::npos) return "/sys/fs/cgroup/memory" + path + "/memory.oom_control";
    if (line.starts_with("0::")) unified = "/sys/fs/cgroup" + path + "/memory.events";
  }
  return unified;
}

int CountOpenFds(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir((folder + "/fd").c_str()), ::closedir);
  if (!dir) return 0;
  int count = -2;  // "." and ".."
  while (::readdir(dir.get()) != nullptr) ++count;
  return count;
}

}  // namespace

std::optional<WorkerStats> ReadWorkerStats(pid_t pid) {
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream in(folder + "/stat");
  std::string stat;
  if (!std::getline(in, stat) || stat.rfind(')') == std::string::npos) return {};
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  std::uint64_t user = 0, system = 0;
  for (int i = 3; i < 14; ++i) fields >> skipped;  // fields count from 1 in proc(5); utime is 14
  fields >> user >> system;
  std::ifstream statm(folder + "/statm");
  std::uint64_t size = 0, resident = 0, shared = 0;
  statm >> size >> resident >> shared;
  if (!fields || !statm || resident < shared) return {};
  static const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return WorkerStats{{(resident - shared) * page}, static_cast<double>(user + system) / ticks, CountOpenFds(folder)};
}

std::uint64_t OomKills() {
  if (const auto kills = OomKillsIn(CgroupCounter())) return *kills;
  return OomKillsIn("/proc/vmstat").value_or(0);
}

std::uint64_t FenceData(pid_t pid, std::uint64_t vm_data, std::uint64_t rss_anon, std::uint64_t budget) {
  if (!kFencesMemory) return 0;
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string name, rest; in >> name && std::getline(in, rest);) {
    if (name == "VmData:") vm_data = std::strtoull(rest.c_str(), nullptr, 10) << 10;
    if (name == "RssAnon:") rss_anon = std::strtoull(rest.c_str(), nullptr, 10) << 10;
  }
  const std::uint64_t limit = vm_data + (budget > rss_anon ? budget - rss_anon : 0) + kFenceSlack;
  const rlimit value{limit, limit};
  return ::prlimit(pid, RLIMIT_DATA, &value, nullptr) == 0 ? limit : 0;
}

}  // namespace berth::launch
