// Whose turn it is to start. Pure. At boot a wave waits until every replica of the waves before it is ready or, unless
// rules.on_failure is `stop`, is known not to come for now; always, a model waits until all models that it is `after`
// are ready.
#pragma once

#include <string>
#include <vector>

#include "config/plan.h"
#include "supervisor/launch/state.h"

namespace berth::launch {

struct TurnView {
  std::string model;
  int wave = 0;
  State state = State::kStopped;
  bool boot_turn = false;  // started at boot, and neither ready nor failed since
  bool boot_due = false;   // started at boot, and neither ready nor stopped since
  bool hopeless = false;   // waits for something that is not coming
};

struct Turn {
  std::string obstacle;    // why not yet; empty: now
  bool hopeless = false;   // the obstacle does not go away by itself
};

// `candidate` is one of `all`; `after`: the models that must be ready before its own.
Turn TurnOf(const TurnView& candidate, const std::vector<std::string>& after, const std::vector<TurnView>& all,
            config::OnFailure on_failure = config::OnFailure::kContinue);

}  // namespace berth::launch
