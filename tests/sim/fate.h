// What a simulated process will do in its life, thrown once when it starts.
#pragma once

#include <optional>

#include "supervisor/base/duration.h"
#include "tests/sim/random.h"

namespace berth::sim {

struct Fate {
  bool cannot_spawn = false;
  Duration hello{};                    // from the start to its first word
  Duration load{};                     // from there to ready
  std::optional<Duration> crash;       // from the start
  std::optional<double> load_stalls;   // at this share of the load it makes no progress any more
  std::optional<double> load_fails;    // at this share it says so and exits
  bool permanent = false;              // … for good
  bool breaks_protocol = false;        // says hello twice
  bool over_budget = false;            // holds more than its budget when it is ready
  std::optional<Duration> hangs;       // from ready: no steps any more
  std::optional<Duration> goes_silent; // from ready: no beats any more (SIGSTOP)
  bool hears_drain = true;             // false: it never reads its control socket, or ignores what it reads
  bool reads = true;
  Duration dies_after_kill{};          // the kernel may not let go of it at once
  Duration lingers{};                  // its memory is on the device for this long after it is reaped
};

// `faults`: may go wrong. Without, all goes well and in time.
Fate RandomFate(Random& random, bool faults);

}  // namespace berth::sim
