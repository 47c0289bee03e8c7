#include "supervisor/launch/state.h"

namespace berth::launch {

std::string_view Name(State state) {
  switch (state) {
    case State::kStopped: return "stopped";
    case State::kWaiting: return "waiting";
    case State::kStarting: return "starting";
    case State::kLoading: return "loading";
    case State::kReady: return "ready";
    case State::kDraining: return "draining";
    case State::kStopping: return "stopping";
    case State::kStuck: return "stuck";
    case State::kFailed: return "failed";
    case State::kBackoff: return "backoff";
    case State::kQuarantined: return "quarantined";
  }
  return "?";
}

std::string_view Name(ExitCause cause) {
  switch (cause) {
    case ExitCause::kExit: return "exit";
    case ExitCause::kSignal: return "signal";
    case ExitCause::kOomKill: return "oom_kill";
    case ExitCause::kOverBudget: return "over_budget";
    case ExitCause::kLoadFailed: return "load_failed";
    case ExitCause::kHung: return "hung";
    case ExitCause::kDeviceError: return "device_error";
    case ExitCause::kProtocol: return "protocol";
    case ExitCause::kRequested: return "requested";
  }
  return "?";
}

}  // namespace berth::launch
