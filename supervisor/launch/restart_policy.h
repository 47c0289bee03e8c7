// When a replica that ended unexpectedly may start again. Pure: the caller says what time it is.
//
//   delay(n) = min(backoff_max, backoff_min · 2^(n−1)) · (1 − u/4),   u uniform in [0, 1)
//
// n counts the failures in a row; a run that was ready for at least backoff_max ends the row. The
// give_up_count-th failure within give_up_window quarantines the replica instead: only an operator ends that. So
// does the kMemoryFailures-th end for want of memory without a good run between them, however long each took: what
// did not fit will not fit (GUARANTEES S11).
// Owned by the replica.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <random>

#include "config/plan.h"

namespace berth::launch {

class RestartPolicy {
 public:
  RestartPolicy(const config::Restart& settings, std::uint64_t seed) : settings_(settings), random_(seed) {}

  static constexpr int kMemoryFailures = 3;

  // A process ended unexpectedly after `good_run` of being ready, `of_memory`: for want of it. The delay before the
  // next start, or nothing: give up.
  std::optional<Duration> OnFailure(TimePoint now, Duration good_run, bool of_memory = false);
  // Want of memory is why it gave up.
  bool never_fits() const { return memory_in_a_row_ >= kMemoryFailures; }
  // Failures that still count towards giving up.
  int FailuresInWindow(TimePoint now) const;
  void Forgive();

 private:
  config::Restart settings_;
  std::mt19937_64 random_;
  std::deque<TimePoint> failures_;  // within the window, oldest first
  int in_a_row_ = 0;
  int memory_in_a_row_ = 0;  // ends for want of memory since the last good run
};

}  // namespace berth::launch
