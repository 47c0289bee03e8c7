// Does a process make progress? Keeps what a worker last said and when, and says what is wrong with it. Pure:
// the caller says what time it is. Busy is never taken for hung: only work that was begun and does not move
// counts, by the worker's own count of steps; and when this daemon itself did not run for a while, that while
// does not count against the worker.
// Owned by the replica, one per process.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "supervisor/base/duration.h"
#include "supervisor/launch/exit_status.h"

namespace berth::launch {

struct Trouble {
  ExitCause cause;
  std::string reason;
};

class Vitals {
 public:
  struct Limits {
    Duration load_stall{};
    Duration health_stall{};
  };
  // Checks come at least this often while the daemon runs.
  static constexpr Duration kCheckEvery = std::chrono::seconds(1);

  Vitals(Limits limits, TimePoint started) : limits_(limits), moved_(started), last_check_(started) {}

  void OnHello(TimePoint now) { moved_ = now; }
  void OnLoading(std::string stage, double fraction, TimePoint now);
  void OnReady(TimePoint now);
  void OnBeat(std::uint64_t steps, TimePoint now);

  // Before ready: no message, no progress for load_stall.
  std::optional<Trouble> CheckLoad(TimePoint now);
  // Ready: no beat for health_stall, or work begun or waiting to be begun (`busy`) without a step for that long.
  std::optional<Trouble> CheckHealth(TimePoint now, bool busy);

  const std::string& stage() const { return stage_; }
  double fraction() const { return fraction_; }
  std::uint64_t steps() const { return steps_; }
  std::optional<Duration> BeatAge(TimePoint now) const;
  Duration StepAge(TimePoint now) const;  // since work moved, or since there was any to move

 private:
  // Time in which this daemon did not run counts for nobody.
  void Excuse(TimePoint now);

  Limits limits_;
  std::string stage_;
  double fraction_ = 0;
  std::uint64_t steps_ = 0;
  TimePoint moved_;                      // last progress: of the load, then of the steps
  std::optional<TimePoint> busy_since_;
  std::optional<TimePoint> last_beat_;
  TimePoint last_check_;
};

}  // namespace berth::launch
