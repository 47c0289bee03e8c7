#include "supervisor/launch/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "supervisor/base/fd.h"
#include "supervisor/launch/worker_stats.h"

namespace berth::launch {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kOwnPrefix = "berthd-";
constexpr std::string_view kWorkerPrefix = "worker-";
constexpr Bytes kSlack = MiB(256);

// The files of a control group take one short write each, and say no by its errno.
Status Write(const fs::path& file, const std::string& text) {
  const Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return SystemError(errno, "cannot open " + file.string());
  const auto written = ::write(fd.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) return SystemError(errno, "cannot write " + text + " to " + file.string());
  return Ok();
}

std::string Text(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool HasWord(const std::string& text, const std::string& word) {
  std::istringstream words(text);
  for (std::string each; words >> each;) {
    if (each == word) return true;
  }
  return false;
}

// The line "0::/system.slice/berth.service" of /proc/self/cgroup.
fs::path OwnGroup(const fs::path& membership) {
  std::ifstream in(membership);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("0::/")) return line.substr(4);
  }
  return {};
}

bool Marked(const fs::path& group, const char* name) {
  char value[2] = {};
  return ::getxattr(group.c_str(), name, value, sizeof value) == 1 && value[0] == '1';
}

std::string OwnName(std::string_view prefix) { return std::string(prefix) + std::to_string(::getpid()); }

// A group of an earlier daemon: neither this one's nor that of another one that lives.
bool IsLeft(const std::string& name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return false;
  const pid_t owner = std::atoi(name.c_str() + prefix.size());
  return owner > 0 && owner != ::getpid() && ::kill(owner, 0) != 0 && errno == ESRCH;
}

Error CannotMake(const fs::path& group) { return SystemError(errno, "cannot make " + group.string()); }

}  // namespace

// ---- one group

Cgroup::~Cgroup() {
  [[maybe_unused]] const auto killed = Write(folder_ / "cgroup.kill", "1");  // since Linux 5.14
  all_.Remove(folder_);
}

Status Cgroup::Add(pid_t pid) { return Write(folder_ / "cgroup.procs", std::to_string(pid)); }

// `oom` counts allocations that met this group's own limit and could not be helped, `oom_kill` its processes that were
// killed, whoever ran out.
Cgroup::OomKills Cgroup::ReadOomKills() const {
  std::ifstream in(folder_ / "memory.events");
  std::uint64_t own = 0, kills = 0, value = 0;
  for (std::string name; in >> name >> value;) {
    if (name == "oom") own = value;
    if (name == "oom_kill") kills = value;
  }
  return {kills > 0, kills > 0 && own > 0};
}

// ---- all of them

Cgroups::Cgroups(Place place) : place_(std::move(place)) {
  const std::string why_not = Prepare();
  if (!why_not.empty()) root_.clear();
  description_ = why_not.empty() ? "memory.max under " + root_.string() : "no memory.max: " + why_not;
}

// systemd marks what it gives away; a container's own root was made for it.
bool Cgroups::IsDelegated(const fs::path& group) {
  return Marked(group, "trusted.delegate") || Marked(group, "user.delegate") || group == Place().mount;
}
bool Cgroups::MakeGroup(const fs::path& group) { return ::mkdir(group.c_str(), 0755) == 0 || errno == EEXIST; }
bool Cgroups::RemoveGroup(const fs::path& group) { return ::rmdir(group.c_str()) == 0 || errno == ENOENT; }

std::string Cgroups::Prepare() {
  if (!kFencesMemory) return "this build has a sanitizer";
  root_ = place_.mount / OwnGroup(place_.membership);
  if (root_.filename().empty()) root_ = root_.parent_path();
  // Started again inside the group that an earlier life of this process moved to, as execve() in place would do.
  if (root_.filename() == OwnName(kOwnPrefix)) root_ = root_.parent_path();
  if (::access((root_ / "cgroup.controllers").c_str(), R_OK) != 0) return "no control group of version 2";
  if (!HasWord(Text(root_ / "cgroup.controllers"), "memory")) return "no memory controller in " + root_.string();
  if (!place_.delegated(root_)) return root_.string() + " is not delegated to this daemon";
  if (::access(root_.c_str(), W_OK) != 0) return root_.string() + " is not writable";
  const Status moved = MoveIn();
  return moved ? std::string() : moved.error().message;
}

Status Cgroups::MoveIn() {
  std::error_code unreadable;
  for (fs::directory_iterator each(root_, unreadable), end; !unreadable && each != end; each.increment(unreadable)) {
    const std::string name = each->path().filename().string();
    if (IsLeft(name, kWorkerPrefix) || IsLeft(name, kOwnPrefix)) left_.push_back(each->path());
  }
  RemoveLeft();
  const fs::path own = root_ / OwnName(kOwnPrefix);
  if (!place_.make(own)) return CannotMake(own);
  const std::string pid = std::to_string(::getpid());
  if (Status moved = Write(own / "cgroup.procs", pid); !moved) return moved;
  const Status enabled = Write(root_ / "cgroup.subtree_control", "+memory");
  if (enabled) return enabled;
  // Others live in it, too: it stays as it was.
  [[maybe_unused]] const auto back = Write(root_ / "cgroup.procs", pid);
  place_.remove(own);
  return enabled;
}

Result<std::unique_ptr<Cgroup>> Cgroups::Make(std::uint64_t number, Bytes limit) {
  if (!on()) return std::unique_ptr<Cgroup>();
  RemoveLeft();
  const fs::path folder = root_ / (OwnName(kWorkerPrefix) + "-" + std::to_string(number));
  if (!place_.make(folder)) return CannotMake(folder);
  auto group = std::make_unique<Cgroup>(folder, *this);
  if (const Status set = Write(folder / "memory.max", std::to_string(limit.count)); !set) return set.error();
  // Where these exist: what is over the limit is not to be swapped out instead, and a worker dies as a whole.
  [[maybe_unused]] const auto swap = Write(folder / "memory.swap.max", "0");
  [[maybe_unused]] const auto whole = Write(folder / "memory.oom.group", "1");
  return group;
}

void Cgroups::Remove(const fs::path& group) {
  if (!place_.remove(group)) left_.push_back(group);
}

void Cgroups::RemoveLeft() { std::erase_if(left_, place_.remove); }

Bytes CgroupLimit(Bytes budget, const fs::path& source) {
  std::error_code error;
  const auto size_of = [](const fs::directory_entry& entry) -> std::uint64_t {
    std::error_code unreadable;
    const bool file = entry.is_regular_file(unreadable);
    const auto size = file ? entry.file_size(unreadable) : 0;
    return unreadable ? 0 : size;
  };
  Bytes files{size_of(fs::directory_entry(source, error))};
  for (fs::directory_iterator each(source, error), end; !error && each != end; each.increment(error)) {
    files += Bytes{size_of(*each)};
  }
  return budget + kSlack + files;
}

}  // namespace berth::launch
