// How one process of a replica ended, as status pages and messages show it. A value.
#pragma once

#include <string>

#include "supervisor/launch/state.h"

namespace berth::launch {

struct ExitStatus {
  ExitCause cause = ExitCause::kExit;
  int code = 0;                // of exit()
  int signal = 0;              // that killed it; 0: none
  std::string reason;          // one sentence, with the worker's own last word where there was one
  std::string time;            // RFC 3339
};

}  // namespace berth::launch
