// How slowly a client may send a body: some bytes within every stretch of patience, so that nobody holds a place
// by dripping, and nobody is cut off for sending much. Pure but for the clock; one per body.
#pragma once

#include <cstdint>

#include "supervisor/base/duration.h"

namespace berth::route {

class Pace {
 public:
  static constexpr std::uint64_t kBytes = 16 * 1024;  // within `patience`; less is enough for what ends the body

  explicit Pace(Duration patience) : patience_(patience), until_(Clock::now() + patience) {}

  // The latest time for the next bytes, `received` bytes having come so far.
  TimePoint Until(std::uint64_t received) {
    if (received < counted_ + kBytes) return until_;
    counted_ = received;
    until_ = Clock::now() + patience_;
    return until_;
  }
  // Time in which nobody read what the client sent.
  void Forgive(Clock::duration time) { until_ += time; }

 private:
  Duration patience_;
  TimePoint until_;
  std::uint64_t counted_ = 0;
};

}  // namespace berth::route
