// Why a process ended: from the kernel's word, what the supervisor did to it, and the worker's last word.
// Pure; the replica collects the facts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/launch/exit_status.h"
#include "worker/protocol/control.h"

namespace berth::launch {

// The kernel's word.
struct WaitStatus {
  int code = 0;    // of exit(), when signal is 0
  int signal = 0;  // that killed it
  std::uint64_t peak_resident = 0;  // bytes, files included
  bool at_cgroup_limit = false;     // it was killed because its own control group was full
};

// The supervisor killed it, and why.
struct Killed {
  ExitCause cause = ExitCause::kRequested;
  std::string reason;
};

struct EndFacts {
  WaitStatus status;
  std::optional<Killed> killed;
  std::optional<protocol::FailedMessage> failed;  // the worker's last word
  bool asked_to_end = false;    // it was draining, or stopping
  bool was_ready = false;
  bool oom_killer_ran = false;  // the kernel counted an OOM kill while this process died
  bool near_memory_limit = false;
};

struct Verdict {
  ExitStatus exit;              // `time` is left empty
  bool expected = false;        // as it was told to: no failure
  bool permanent = false;       // starting it again cannot help
};

Verdict JudgeExit(const EndFacts& facts);

}  // namespace berth::launch
