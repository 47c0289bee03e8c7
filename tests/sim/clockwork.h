// Simulated time: what is to happen, in order; at the same instant in the order in which it was said.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "supervisor/base/duration.h"

namespace berth::sim {

class Clockwork {
 public:
  TimePoint now() const { return now_; }
  Duration elapsed() const { return std::chrono::duration_cast<Duration>(now_ - kBeginning); }

  void At(TimePoint when, std::function<void()> what) {
    plan_.push({when < now_ ? now_ : when, said_++, std::move(what)});
  }
  void After(Duration delay, std::function<void()> what) { At(now_ + delay, std::move(what)); }

  // Nothing more happens at this instant.
  bool instant_over() const { return plan_.empty() || plan_.top().when > now_; }

  // What comes next happens, unless it comes after `end`: false.
  bool Step(TimePoint end) {
    if (plan_.empty() || plan_.top().when > end) return false;
    now_ = plan_.top().when;
    const std::function<void()> what = std::move(const_cast<Entry&>(plan_.top()).what);
    plan_.pop();
    what();
    return true;
  }

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t said;
    std::function<void()> what;
    bool operator<(const Entry& other) const {  // std::priority_queue has the largest on top
      return std::pair(other.when, other.said) < std::pair(when, said);
    }
  };
  // Away from the epoch, so that nothing mistakes "never" for "at the beginning".
  static constexpr TimePoint kBeginning{std::chrono::hours(1)};

  TimePoint now_ = kBeginning;
  std::uint64_t said_ = 0;
  std::priority_queue<Entry> plan_;
};

}  // namespace berth::sim
