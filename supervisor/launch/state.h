// The life of a replica (DESIGN §6).
//
//   stopped ─▶ waiting ─▶ starting ─▶ loading ─▶ ready ─▶ draining ─▶ stopping ─▶ stopped
//      ▲          │           │          │         │                     │
//      │          │           └──────────┴─────────┴──▶ backoff ─▶ waiting│  (unexpected end)
//      │          │                                        │             └──▶ stuck (not proven gone)
//      └──────────┴──────── operator ◀── failed, quarantined ◀┘
//
// A state is always kept with its reason and since-when.
#pragma once

#include <string_view>

namespace berth::launch {

enum class State {
  kStopped,      // not wanted: by plan (start: manual) or by an operator. No requests.
  kWaiting,      // wanted; waits for its wave, its dependencies, its device's load slot or memory. No requests.
  kStarting,     // process spawned, no hello yet. No requests.
  kLoading,      // hello came; weights and warm-up. No requests.
  kReady,        // may be sent requests; the only such state.
  kDraining,     // finishes what it has; no new requests.
  kStopping,     // told to end, or killed; not reaped yet. No requests.
  kStuck,        // killed, but not proven gone in time; its reservation stays, its load slot does not. No requests.
  kFailed,       // a permanent failure: starting it again cannot help. No requests.
  kBackoff,      // ended unexpectedly; starts again when its delay is over. No requests.
  kQuarantined,  // failed too often in the window; only an operator starts it again. No requests.
};
std::string_view Name(State state);  // "stopped", "waiting", …

// Why a process ended; the label `cause` of replica_exits_total.
enum class ExitCause { kExit, kSignal, kOomKill, kOverBudget, kLoadFailed, kHung, kDeviceError, kProtocol, kRequested };
std::string_view Name(ExitCause cause);  // "exit", "signal", "oom_kill", …

}  // namespace berth::launch
