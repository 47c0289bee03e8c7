// The decisions in a replica's life: given the state it is in and what happened, which state comes next and
// what has to be done. Pure: no clock, no process, no file. The replica's coroutine (replica.h) turns
// messages, exits and passed deadlines into events, and carries the actions out.
#pragma once

#include <string>
#include <string_view>

#include "supervisor/launch/state.h"

namespace berth::launch {

enum class EventKind {
  // What somebody wants.
  kStart,          // the plan at boot, or an operator: also ends a quarantine
  kStop,
  kRestart,
  // What the replica waited for.
  kGranted,        // its turn, the device's load slot and its memory are all there
  kBackoffOver,
  // What the worker says.
  kHello,
  kLoading,
  kReady,
  kDrained,
  kFailed,         // its last word: it ends by itself, or is killed shortly
  // What the supervisor notices.
  kMisbehaved,     // hung, stalled, over budget, or a breach of the protocol
  kOutOfTime,      // it was asked to end and has not
  kUnreaped,       // killed or reaped, and still not gone
  kReaped,         // the process is gone, what it held on its device may not be
  // How the process ended (exit_cause.h says which), once it is proven gone.
  kEnded,          // as it was told to
  kCrashed,        // unexpectedly; starting it again may help
  kCrashedTooOften,
  kBroken,         // permanent: starting it again cannot help
};
std::string_view Name(EventKind kind);

struct Event {
  EventKind kind;
  std::string reason;  // one sentence for people; empty: the table's own words
};

// What the decision depends on.
struct ReplicaView {
  State state = State::kStopped;
  bool wanted = false;  // should run again once the present process has ended
};

// Bits, carried out in this order.
enum Action : unsigned {
  kForgive = 1u << 0,  // forget earlier failures
  kSpawn = 1u << 1,    // start the process
  kOpen = 1u << 2,     // requests may come
  kClose = 1u << 3,    // no new requests
  kAskToEnd = 1u << 4, // send `drain`; kill when the grace is over
  kAwaitEnd = 1u << 5, // it ends by itself; kill when it doesn't soon
  kKill = 1u << 6,
  kDiscard = 1u << 7,  // the process is proven gone: nothing of it counts any more, its slot and its turn least of all
  kRelease = 1u << 8,  // it is not coming back by itself: its memory and its place are for others
  kYield = 1u << 9,    // it does not load any more: give back its slot and its turn alone
};

struct Transition {
  State state;
  bool wanted;
  unsigned actions;     // of Action
  std::string reason;
  bool breach = false;  // the event is a message that has no place in this state: a protocol error
};

Transition Step(const ReplicaView& view, const Event& event);

}  // namespace berth::launch
