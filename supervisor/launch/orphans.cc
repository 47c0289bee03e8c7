#include "supervisor/launch/orphans.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "supervisor/base/proc_file.h"

namespace berth::launch {
namespace {

std::string ReadProc(pid_t pid, const char* file) {
  return ReadProcFile("/proc/" + std::to_string(pid) + "/" + file);
}

// The parent of a process from /proc/PID/stat; the name in parentheses may hold anything.
pid_t ParentOf(pid_t pid) {
  const std::string stat = ReadProc(pid, "stat");
  const auto end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return -1;
  char state = 0;
  int parent = -1;
  if (std::sscanf(stat.c_str() + end_of_name + 1, " %c %d", &state, &parent) != 2) return -1;
  return parent;
}

std::vector<pid_t> ChildrenOfThisProcess() {
  std::vector<pid_t> children;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(::opendir("/proc"), ::closedir);
  if (!proc) return children;
  const pid_t self = ::getpid();
  while (const dirent* entry = ::readdir(proc.get())) {
    const auto pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid > 0 && ParentOf(pid) == self) children.push_back(pid);
  }
  return children;
}

}  // namespace

Orphans::Orphans() {
  const std::vector<pid_t> children = ChildrenOfThisProcess();
  older_.insert(children.begin(), children.end());
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

bool Orphans::ReapEnded() {
  bool found = false;
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return found;
    // A worker that waits to be reaped hides the orphans behind it until the next call.
    if (workers_.contains(info.si_pid)) return found;
    ::waitid(P_PID, static_cast<id_t>(info.si_pid), &info, WEXITED | WNOHANG);
    older_.erase(info.si_pid);  // its number may become another's
    found = true;
  }
}

bool Orphans::KillLiving() const {
  bool found = false;
  for (const pid_t pid : ChildrenOfThisProcess()) {
    if (workers_.contains(pid) || older_.contains(pid) || BelongsToLivingWorker(pid)) continue;
    // Only this thread reaps, so the pid is still that child's.
    ::kill(pid, SIGKILL);
    found = true;
  }
  return found;
}

bool Orphans::BelongsToLivingWorker(pid_t orphan) const {
  const std::string environment = std::string(1, '\0') + ReadProc(orphan, "environ");
  for (const auto& [pid, tag] : workers_) {
    const std::string entry = std::string(1, '\0') + kSpawnTag + "=" + tag + '\0';
    if (environment.find(entry) != std::string::npos) return true;
  }
  return false;
}

}  // namespace berth::launch
