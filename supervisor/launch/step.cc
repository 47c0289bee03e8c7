#include "supervisor/launch/step.h"

#include <array>
#include <cstddef>

namespace berth::launch {
namespace {

struct Cell {
  enum Target { kSame, kTo, kBreach } target = kSame;
  State next = State::kStopped;
  unsigned actions = 0;
};

constexpr Cell same{};  // nothing changes
constexpr Cell Wait{Cell::kTo, State::kWaiting, kForgive};
constexpr Cell Back{Cell::kTo, State::kWaiting, 0};
constexpr Cell Off_{Cell::kTo, State::kStopped, kRelease};
constexpr Cell Run_{Cell::kTo, State::kStarting, kSpawn};
constexpr Cell Load{Cell::kTo, State::kLoading, 0};
constexpr Cell Open{Cell::kTo, State::kReady, kOpen};
constexpr Cell Dran{Cell::kTo, State::kDraining, kClose | kAskToEnd};
constexpr Cell Ends{Cell::kTo, State::kStopping, kClose | kAwaitEnd};
constexpr Cell Kill{Cell::kTo, State::kStopping, kClose | kKill};
constexpr Cell Brch{Cell::kBreach, State::kStopping, kClose | kKill};
constexpr Cell Stck{Cell::kTo, State::kStuck, kYield};
constexpr Cell Reap{Cell::kTo, State::kStopping, kClose};

constexpr std::size_t kStates = 11;

// One row per event up to kReaped, one column per state, in the order of the enums.
constexpr std::array<std::array<Cell, kStates>, 14> kTable{{
    //               stopped waiting starting loading ready draining stopping stuck failed backoff quarantined
    /* start      */ {Wait,  same,   same,    same,   same, same,    same,    same, Wait,  Wait,   Wait},
    /* stop       */ {same,  Off_,   Kill,    Kill,   Dran, same,    same,    same, Off_,  Off_,   Off_},
    /* restart    */ {Wait,  same,   Kill,    Kill,   Dran, same,    same,    same, Wait,  Wait,   Wait},
    /* granted    */ {same,  Run_,   same,    same,   same, same,    same,    same, same,  same,   same},
    /* backoff    */ {same,  same,   same,    same,   same, same,    same,    same, same,  Back,   same},
    /* hello      */ {same,  same,   Load,    Brch,   Brch, Brch,    same,    same, same,  same,   same},
    /* loading    */ {same,  same,   Brch,    Load,   Brch, Brch,    same,    same, same,  same,   same},
    /* ready      */ {same,  same,   Brch,    Open,   Brch, Brch,    same,    same, same,  same,   same},
    /* drained    */ {same,  same,   Brch,    Brch,   Brch, Ends,    same,    same, same,  same,   same},
    /* failed     */ {same,  same,   Ends,    Ends,   Ends, Ends,    same,    same, same,  same,   same},
    /* misbehaved */ {same,  same,   Kill,    Kill,   Kill, Kill,    Kill,    same, same,  same,   same},
    /* outoftime  */ {same,  same,   same,    same,   same, Kill,    Kill,    same, same,  same,   same},
    /* unreaped   */ {same,  same,   same,    same,   same, same,    Stck,    same, same,  same,   same},
    /* reaped     */ {same,  same,   Reap,    Reap,   Reap, Reap,    Reap,    same, same,  same,   same},
}};

std::string_view DefaultReason(EventKind kind) {
  switch (kind) {
    case EventKind::kStart: return "start asked for";
    case EventKind::kStop: return "stop asked for";
    case EventKind::kRestart: return "restart asked for";
    case EventKind::kGranted: return "process starting";
    case EventKind::kBackoffOver: return "back-off is over";
    case EventKind::kHello: return "process is up";
    case EventKind::kLoading: return "loading";
    case EventKind::kReady: return "ready";
    case EventKind::kDrained: return "drained, exiting";
    case EventKind::kFailed: return "failed";
    case EventKind::kMisbehaved: return "misbehaved";
    case EventKind::kOutOfTime: return "did not end in time, killed";
    case EventKind::kUnreaped: return "killed, but still not gone; its memory stays reserved";
    case EventKind::kReaped: return "ended; its device has not let go of its memory yet";
    case EventKind::kEnded: return "stopped";
    case EventKind::kCrashed: return "ended unexpectedly";
    case EventKind::kCrashedTooOften: return "failed too often";
    case EventKind::kBroken: return "failed for good";
  }
  return "";
}

bool WantedAfter(bool wanted, EventKind kind) {
  if (kind == EventKind::kStart || kind == EventKind::kRestart) return true;
  if (kind == EventKind::kStop) return false;
  return wanted;
}

bool HasProcess(State state) {
  switch (state) {
    case State::kStarting:
    case State::kLoading:
    case State::kReady:
    case State::kDraining:
    case State::kStopping:
    case State::kStuck: return true;
    default: return false;
  }
}

State AfterEnd(EventKind kind, bool wanted) {
  if (!wanted) return State::kStopped;
  switch (kind) {
    case EventKind::kEnded: return State::kWaiting;
    case EventKind::kCrashed: return State::kBackoff;
    case EventKind::kCrashedTooOften: return State::kQuarantined;
    default: return State::kFailed;
  }
}

// What comes back by itself keeps its place meanwhile: nobody who was held back gets in between.
unsigned ActionsAfterEnd(State next) {
  const bool comes_back = next == State::kWaiting || next == State::kBackoff;
  return comes_back ? kDiscard : kDiscard | kRelease;
}

}  // namespace

std::string_view Name(EventKind kind) {
  constexpr std::array<std::string_view, 18> names = {
      "start",  "stop",       "restart",     "granted",  "backoff_over", "hello",   "loading",           "ready", "drained",
      "failed", "misbehaved", "out_of_time", "unreaped", "reaped", "ended",        "crashed", "crashed_too_often", "broken"};
  return names[static_cast<std::size_t>(kind)];
}

Transition Step(const ReplicaView& view, const Event& event) {
  std::string reason = event.reason.empty() ? std::string(DefaultReason(event.kind)) : event.reason;
  if (event.kind >= EventKind::kEnded) {  // an end is an end, whatever the state was
    if (!HasProcess(view.state)) return {view.state, view.wanted, 0, {}};
    const State next = AfterEnd(event.kind, view.wanted);
    return {next, view.wanted, ActionsAfterEnd(next), std::move(reason)};
  }
  const Cell& cell = kTable[static_cast<std::size_t>(event.kind)][static_cast<std::size_t>(view.state)];
  const bool wanted = WantedAfter(view.wanted, event.kind);
  if (cell.target == Cell::kSame) return {view.state, wanted, 0, {}};
  if (cell.target == Cell::kTo) return {cell.next, wanted, cell.actions, std::move(reason)};
  std::string breach = "sent \"" + std::string(Name(event.kind)) + "\" while " + std::string(Name(view.state));
  return {cell.next, wanted, cell.actions, std::move(breach), true};
}

}  // namespace berth::launch
