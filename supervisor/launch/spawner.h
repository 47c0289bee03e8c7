// Starts worker processes and proves them gone. Behind an interface, so that tests can stand in for processes.
// Control thread only: a worker dies with the thread that forked it (PR_SET_PDEATHSIG), so that thread must
// live as long as the daemon.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/base/result.h"
#include "supervisor/launch/exit_cause.h"

namespace berth::launch {

struct SpawnRequest {
  std::filesystem::path program;
  std::vector<std::string> argv;         // argv[0] included
  std::vector<std::string> environment;  // "NAME=value"; all that the process gets
  std::vector<int> descriptors;          // descriptors[i] becomes i in the process; nothing else is inherited
};

// A process that was started and is not reaped yet: until then its pid cannot be another's.
class Child {
 public:
  virtual ~Child() = default;
  virtual pid_t pid() const = 0;
  // Becomes readable when the process has ended; owned by the child.
  virtual int ended_fd() const = 0;
  // SIGKILL to the process and its process group. Works on stopped processes too. No effect after Reap().
  virtual void Kill() = 0;
  // The kernel's word, once the process has ended; nothing while it has not. At most one value ever.
  virtual std::optional<WaitStatus> Reap() = 0;
};

class Spawner {
 public:
  virtual ~Spawner() = default;
  // Returns when the program runs (execve succeeded), or after 2 s without a word. Errors name the program and
  // the remedy.
  virtual Result<std::unique_ptr<Child>> Spawn(const SpawnRequest& request) = 0;
  // Kills and reaps orphans: descendants of workers that have ended (`thorough`: looks for living ones too).
  // True: some were found, call again soon.
  virtual bool SweepOrphans(bool thorough) = 0;
};

// The real one. It forks, which copies page tables and so takes 14 µs more for each MiB of the daemon's own memory
// (100 µs when it is idle). vfork() would not; but it suspends the control thread until execve() is done, and a program
// on a file system that does not answer would suspend it for ever, so that nothing could be stopped or watched.
// Every child runs in a session of its own, dies with this thread, has no capabilities, can gain
// no privileges, blocks and ignores no signals. Makes this process the reaper of its descendants' orphans.
std::unique_ptr<Spawner> MakeSpawner();

}  // namespace berth::launch
