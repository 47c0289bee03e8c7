#include "config/host.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace berth::config {
namespace {

namespace fs = std::filesystem;

std::string FirstLine(const fs::path& file) {
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  return line;
}

// "max", or no such file: no limit.
std::optional<std::uint64_t> Limit(const fs::path& file) {
  const std::string line = FirstLine(file);
  std::uint64_t count = 0;
  const auto [rest, status] = std::from_chars(line.data(), line.data() + line.size(), count);
  if (status != std::errc{}) return std::nullopt;
  return count;
}

std::uint64_t PhysicalMemory(const fs::path& root) {
  std::ifstream stream(root / "proc/meminfo");
  std::string word;
  std::uint64_t kib = 0;
  while (stream >> word) {
    if (word == "MemTotal:" && stream >> kib) return kib * 1024;
  }
  return 0;
}

// The process's cgroup and its parents, in version 2 ("0::/a/b") and version 1 ("9:memory:/a/b"). Inside a
// container the path may name a folder that is not mounted there; the root's own limit then counts.
std::uint64_t CgroupLimit(const fs::path& root) {
  std::uint64_t least = UINT64_MAX;
  std::ifstream stream(root / "proc/self/cgroup");
  for (std::string line; std::getline(stream, line);) {
    const bool v2 = line.starts_with("0::");
    const std::size_t v1 = line.find(":memory:");
    if (!v2 && v1 == std::string::npos) continue;
    const fs::path base = root / (v2 ? "sys/fs/cgroup" : "sys/fs/cgroup/memory");
    const char* file = v2 ? "memory.max" : "memory.limit_in_bytes";
    fs::path group = fs::path(line.substr(v2 ? 3 : v1 + 8)).relative_path();
    for (;; group = group.parent_path()) {
      least = std::min(least, Limit(base / group / file).value_or(UINT64_MAX));
      if (group.empty()) break;
    }
  }
  return least;
}

int UsableCores() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(1, CPU_COUNT(&cores));
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

std::optional<std::string> Environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

}  // namespace

Bytes UsableMemory(const fs::path& root) { return {std::min(PhysicalMemory(root), CgroupLimit(root))}; }

fs::path RuntimeDir(unsigned uid,
                    const std::function<std::optional<std::string>(const std::string&)>& getenv) {
  if (uid == 0) return "/run/berth";
  const std::optional<std::string> xdg = getenv("XDG_RUNTIME_DIR");
  if (xdg && xdg->starts_with('/')) return fs::path(*xdg) / "berth";
  return "/tmp/berth-" + std::to_string(uid);
}

Host ThisHost() {
  Host host;
  host.memory = UsableMemory("/");
  host.cores = UsableCores();
  host.runtime_dir = RuntimeDir(geteuid(), Environment);
  host.getenv = Environment;
  return host;
}

}  // namespace berth::config
