// Descendants of workers that outlived them. This process is their reaper (PR_SET_CHILD_SUBREAPER): an orphan
// becomes its child, whatever session it moved to. Orphans of living workers are left alone, those of ended
// ones are killed and reaped; they are told apart by the environment variable that the spawner gives to every
// process (a fork inherits it). Children that were there before, such as a shell's `2> >(logger)` before it
// became the daemon, are nobody's orphans: they are reaped, never killed.
// When the daemon itself is killed, the kernel kills the workers; their descendants are not its children
// then, and it cannot reach them.
#pragma once

#include <sys/types.h>

#include <map>
#include <set>
#include <string>

namespace berth::launch {

inline constexpr const char* kSpawnTag = "BERTH_SPAWN";

class Orphans {
 public:
  Orphans();  // becomes the reaper

  void Started(pid_t pid, std::string tag) { workers_[pid] = std::move(tag); }
  void Reaped(pid_t pid) { workers_.erase(pid); }

  // Reaps the orphans that have ended, in one system call when there are none.
  bool ReapEnded();
  // Reads /proc for orphans of ended workers and kills them. True: there were some.
  bool KillLiving() const;

 private:
  bool BelongsToLivingWorker(pid_t orphan) const;
  std::map<pid_t, std::string> workers_;  // not reaped yet → tag
  std::set<pid_t> older_;                 // children from before, not reaped yet
};

}  // namespace berth::launch
