// A fake cgroup tree: a temporary folder whose files only keep what was written to them. What the kernel does (files of
// a new group, no removal while a process is in it) is done here; that it holds a process to memory.max is not shown.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "supervisor/launch/cgroup.h"
#include "tests/unit/launch/temp_folder.h"

namespace berth::launch {

class FakeCgroupTree {
 public:
  FakeCgroupTree() {
    std::filesystem::create_directories(group());
    std::ofstream(temp_.path() / "membership") << "4:memory:/old\n0::/system.slice/berth.service\n";
    Put("cgroup.controllers", "cpu memory pids\n");
    Put("cgroup.procs", "");
    Put("cgroup.subtree_control", "");
  }

  // The daemon's.
  std::filesystem::path group() const { return temp_.path() / "mount/system.slice/berth.service"; }
  void Put(const std::string& file, const std::string& text) const { std::ofstream(group() / file) << text; }
  std::string Get(const std::string& file) const {
    std::ifstream in(group() / file);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  Cgroups::Place Place(bool (*delegated)(const std::filesystem::path&) = Yes) const {
    return {temp_.path() / "mount", temp_.path() / "membership", delegated, Make, Remove};
  }

  // This daemon's groups.
  static std::string Daemon() { return "berthd-" + std::to_string(::getpid()); }
  static std::string Worker(int number) { return "worker-" + std::to_string(::getpid()) + "-" + std::to_string(number); }

  static bool Yes(const std::filesystem::path&) { return true; }
  static bool No(const std::filesystem::path&) { return false; }
  static bool Make(const std::filesystem::path& group) {
    if (::mkdir(group.c_str(), 0755) != 0) return errno == EEXIST;
    for (const char* name : {"cgroup.procs", "cgroup.kill", "memory.max", "memory.swap.max", "memory.oom.group"}) {
      std::ofstream(group / name) << "";
    }
    std::ofstream(group / "memory.events") << "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n";
    return true;
  }
  static bool Remove(const std::filesystem::path& group) {
    return !std::filesystem::exists(group / "busy") && std::filesystem::remove_all(group) > 0;
  }

 private:
  TempFolder temp_;
};

}  // namespace berth::launch
