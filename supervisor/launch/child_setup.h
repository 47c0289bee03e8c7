// What happens between fork and execve in the child. Only async-signal-safe calls: other threads of the
// daemon may have held any lock at the moment of the fork, so nothing here allocates, locks or throws.
#pragma once

#include <sys/types.h>

namespace berth::launch {

// Everything is prepared before the fork. The source descriptors and `error_pipe` are above the targets.
struct ChildPlan {
  const char* program;
  char* const* argv;
  char* const* environment;
  const int* descriptors;
  int descriptor_count;
  int error_pipe;      // close-on-exec; gets a ChildError when something fails
  pid_t parent;
};

struct ChildError {
  int errno_value;
  char step;           // 's' session, 'd' death signal, 'p' privileges, 'f' descriptors, 'e' execve
};

[[noreturn]] void RunChild(const ChildPlan& plan);

}  // namespace berth::launch
