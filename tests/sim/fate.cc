#include "tests/sim/fate.h"

namespace berth::sim {

using namespace std::chrono_literals;

Fate RandomFate(Random& random, bool faults) {
  Fate fate;
  fate.hello = random.Skewed(1ms, 500ms);
  fate.load = random.Skewed(10ms, 900ms);
  fate.dies_after_kill = random.Skewed(1ms, 100ms);
  if (!faults) return fate;
  fate.load = random.Skewed(10ms, 120s);
  fate.cannot_spawn = random.Percent(2);
  if (random.Percent(15)) fate.crash = random.Skewed(1ms, 10min);
  if (random.Percent(4)) fate.load_stalls = static_cast<double>(random.Between(0, 99)) / 100;
  if (random.Percent(4)) fate.load_fails = static_cast<double>(random.Between(0, 99)) / 100;
  fate.permanent = random.Percent(30);
  fate.breaks_protocol = random.Percent(2);
  fate.over_budget = random.Percent(3);
  if (random.Percent(8)) fate.hangs = random.Skewed(10ms, 5min);
  if (random.Percent(5)) fate.goes_silent = random.Skewed(10ms, 5min);
  fate.hears_drain = !random.Percent(10);
  fate.reads = !random.Percent(5);
  if (random.Percent(8)) fate.dies_after_kill = random.Skewed(1s, 60s);
  if (random.Percent(15)) fate.lingers = random.Skewed(10ms, 60s);
  return fate;
}

}  // namespace berth::sim
