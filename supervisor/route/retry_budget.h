// Bounds how many requests may be on a second try at once, so that a fleet in trouble is not given the same
// load twice: 20 % of the live requests, and always a few. Retries by design (a drain, a full backlog, a
// stale kept-alive connection) do not count. Thread-safe; no clock.
#pragma once

#include <algorithm>
#include <atomic>

namespace berth::route {

class RetryBudget {
 public:
  static constexpr int kPercent = 20;
  // With few requests live a percentage is no help: the only two requests of a small host may both retry.
  static constexpr int kFloor = 10;

  static constexpr int Allowed(int live) { return std::max(kFloor, live * kPercent / 100); }

  // True: the caller may try again, and calls Done() once when its request has ended.
  bool TryStart(int live) {
    const int before = retrying_.fetch_add(1, std::memory_order_relaxed);
    if (before < Allowed(live)) return true;
    retrying_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void Done() { retrying_.fetch_sub(1, std::memory_order_relaxed); }
  int retrying() const { return retrying_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int> retrying_{0};
};

}  // namespace berth::route
