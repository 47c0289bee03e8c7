// A time at which something is done unless the alarm is cleared or set anew before. Made for limits that every
// request sets and hardly any reaches: one timer stays armed from request to request, and when it fires too early
// it is armed again, so that setting and clearing mostly cost two assignments instead of two walks of the heap of
// timers and a turn of the loop.
// Lives on one io thread, its owner too.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "supervisor/base/duration.h"

namespace berth::route {

class Alarm {
 public:
  explicit Alarm(boost::asio::io_context& io) : io_(io) {}
  ~Alarm();  // as Stop()
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // Calls `on_time` from the loop at `when`, once. TimePoint::max(): never.
  void Set(TimePoint when, std::function<void()> on_time);
  void Clear();
  // Clears it, and lets go of the timer.
  void Stop();

 private:
  struct State;
  static void Arm(std::shared_ptr<State> state);
  boost::asio::io_context& io_;
  // Made when it is first set: most connections wait, and most of their alarms never are. Shared with the timer's
  // handler, which may come after the alarm is gone.
  std::shared_ptr<State> state_;
};

}  // namespace berth::route
