// The third ring of the memory fence (DESIGN §5): a control group of its own, version 2, for each worker process,
// where the daemon's group was delegated to it (systemd: `Delegate=memory`; in a container: a writable group of its
// own). The kernel then holds the worker to `memory.max`, whatever it allocates with, and says whose process it killed
// for it. Where nothing is delegated this is silently off: the other two rings stand.
//
//   <the daemon's group>/berthd-4711     the daemon itself: a group with controllers for its children has no processes
//   <the daemon's group>/worker-4711-7   the seventh process that the daemon started
//
// 4711 is the daemon's pid: two daemons in one container have one root, and share nothing else.
// Reads and writes files of /sys/fs/cgroup; control thread only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"

namespace berth::launch {

class Cgroups;

// One worker's group. Destroying it kills what is left in it and removes it, at once or with the next one.
class Cgroup {
 public:
  Cgroup(std::filesystem::path folder, Cgroups& all) : folder_(std::move(folder)), all_(all) {}
  ~Cgroup();
  Cgroup(const Cgroup&) = delete;
  Cgroup& operator=(const Cgroup&) = delete;

  Status Add(pid_t pid);  // and the processes that it forks
  // Of its processes the OOM killer took some: `own_limit`, because they reached memory.max; else because the host or
  // a group above it ran out.
  struct OomKills {
    bool any = false;
    bool own_limit = false;
  };
  OomKills ReadOomKills() const;
  const std::filesystem::path& folder() const { return folder_; }

 private:
  const std::filesystem::path folder_;
  Cgroups& all_;
};

class Cgroups {
 public:
  struct Place {
    std::filesystem::path mount = "/sys/fs/cgroup";
    std::filesystem::path membership = "/proc/self/cgroup";  // of the daemon
    // What the kernel does, which a folder that stands in for it does not: whether a group is given to this daemon,
    // and a new group's files.
    bool (*delegated)(const std::filesystem::path& group) = IsDelegated;
    bool (*make)(const std::filesystem::path& group) = MakeGroup;      // false: errno says why
    bool (*remove)(const std::filesystem::path& group) = RemoveGroup;  // false: it has processes
  };
  static bool IsDelegated(const std::filesystem::path& group);  // as systemd marks it, or a container's own root
  static bool MakeGroup(const std::filesystem::path& group);
  static bool RemoveGroup(const std::filesystem::path& group);

  // Looks for a delegated group, moves this process into a group below it, and removes what an earlier daemon left.
  explicit Cgroups(Place place);
  ~Cgroups() { RemoveLeft(); }
  Cgroups(const Cgroups&) = delete;
  Cgroups& operator=(const Cgroups&) = delete;

  bool on() const { return !root_.empty(); }
  // "memory.max under /sys/fs/cgroup/…", or why not: "no memory.max: …".
  const std::string& description() const { return description_; }

  // A group with this limit, for one process. Null: off. Errors: the kernel refuses it.
  Result<std::unique_ptr<Cgroup>> Make(std::uint64_t number, Bytes limit);

 private:
  friend class Cgroup;
  std::string Prepare();  // why it stays off; empty: it is on
  Status MoveIn();
  void Remove(const std::filesystem::path& group);
  void RemoveLeft();

  const Place place_;

  std::filesystem::path root_;
  std::string description_;
  std::vector<std::filesystem::path> left_;  // groups that still had a process
};

// What memory.max is for a worker: its budget of private bytes, the model's files, whose pages the kernel charges to
// who reads them first, and as much slack as ring 2 leaves (the kernel's own memory for the process, files it reads).
Bytes CgroupLimit(Bytes budget, const std::filesystem::path& source);

}  // namespace berth::launch
