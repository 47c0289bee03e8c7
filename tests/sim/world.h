// What the parts of a simulation share: time, chance, the schedule under test, and where broken promises go.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "supervisor/launch/schedule.h"
#include "tests/sim/clockwork.h"
#include "tests/sim/random.h"

namespace berth::sim {

struct World {
  Clockwork clock;
  Random random;
  launch::Schedule& schedule;
  std::ostream* trace = nullptr;  // null: nobody listens
  bool faults = true;             // new processes may come to grief
  TimePoint harmed_until{};       // the memory that some process left behind is there until then
  std::string broken;             // the first broken promise; the simulation ends there

  void Say(const std::string& what) const {
    if (trace != nullptr) *trace << static_cast<double>(clock.elapsed().count()) / 1e6 << "s " << what << "\n";
  }
  void Require(bool kept, const std::string& promise) {
    if (kept || !broken.empty()) return;
    broken = "at " + std::to_string(clock.elapsed().count()) + " us: " + promise;
    Say("BROKEN: " + promise);
  }
};

}  // namespace berth::sim
