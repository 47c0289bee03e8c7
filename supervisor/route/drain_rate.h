// How fast a model works its queue off, for Retry-After (R6): completions per second, averaged over about ten
// seconds. Pure: the caller brings the time. Not thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

#include "supervisor/base/duration.h"

namespace berth::route {

class DrainRate {
 public:
  void Completed(TimePoint now) {
    Decay(now);
    per_second_ += 1 / kAverageSeconds;
  }
  double PerSecond(TimePoint now) {
    Decay(now);
    return per_second_;
  }
  // Until `waiting` requests are served, in whole seconds, 1 to 60.
  int RetryAfterSeconds(int waiting, TimePoint now) {
    const double rate = PerSecond(now);
    if (rate <= 0) return kMostSeconds;
    return static_cast<int>(std::clamp(std::ceil(waiting / rate), 1.0, static_cast<double>(kMostSeconds)));
  }

 private:
  static constexpr double kAverageSeconds = 10;
  static constexpr int kMostSeconds = 60;
  void Decay(TimePoint now) {
    if (now <= at_) return;
    const double seconds = std::chrono::duration<double>(now - at_).count();
    per_second_ *= std::exp(-seconds / kAverageSeconds);
    at_ = now;
  }
  double per_second_ = 0;
  TimePoint at_{};
};

}  // namespace berth::route
