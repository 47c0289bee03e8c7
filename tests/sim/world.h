// What the parts of a simulation share: time, chance, the schedule under test, and where broken promises go.
#pragma once

#include <functional>
#include <ostream>
#include <sstream>
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
  // What the promise was is put together only once it is broken: it is asked for at every instant.
  template <class... Parts>
  void Require(bool kept, const Parts&... promise) {
    if (kept || !broken.empty()) return;
    std::ostringstream text;
    (Tell(text, promise), ...);
    broken = "at " + std::to_string(clock.elapsed().count()) + " us: " + text.str();
    Say("BROKEN: " + text.str());
  }

 private:
  static void Tell(std::ostream& text, const auto& part) { text << part; }
  static void Tell(std::ostream& text, Bytes bytes) { text << FormatBytes(bytes); }
  static void Tell(std::ostream& text, const placement::Assignment& at) { text << JoinDevices(at); }
};

}  // namespace berth::sim
