// Whose turn it is to start. Pure. At boot a wave waits until every replica of the waves before it is ready or
// is known not to come for now; always, a model waits until all models that it is `after` are ready.
#pragma once

#include <string>
#include <vector>

#include "supervisor/launch/state.h"

namespace berth::launch {

struct TurnView {
  std::string model;
  int wave = 0;
  State state = State::kStopped;
  bool boot_turn = false;  // started at boot, and neither ready nor failed since
  bool hopeless = false;   // waits for something that is not coming
};

struct Turn {
  std::string obstacle;    // why not yet; empty: now
  bool hopeless = false;   // the obstacle does not go away by itself
};

// `candidate` is one of `all`; `after`: the models that must be ready before its own.
Turn TurnOf(const TurnView& candidate, const std::vector<std::string>& after, const std::vector<TurnView>& all);

}  // namespace berth::launch
