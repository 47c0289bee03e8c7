#include "supervisor/route/alarm.h"

#include <utility>

namespace berth::route {

struct Alarm::State {
  explicit State(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
  TimePoint when = TimePoint::max();   // set by the owner
  TimePoint armed = TimePoint::max();  // when the timer fires; not after `when`
  std::function<void()> on_time;
};

Alarm::~Alarm() { Stop(); }

void Alarm::Set(TimePoint when, std::function<void()> on_time) {
  if (!state_) state_ = std::make_shared<State>(io_);
  state_->when = when;
  state_->on_time = std::move(on_time);
  if (when < state_->armed) Arm(state_);
}

void Alarm::Clear() {
  if (!state_) return;
  state_->when = TimePoint::max();
  state_->on_time = nullptr;
}

void Alarm::Stop() {
  Clear();
  if (state_ && state_->armed != TimePoint::max()) state_->timer.cancel();
}

void Alarm::Arm(std::shared_ptr<State> state) {
  State& now = *state;
  now.armed = now.when;
  now.timer.expires_at(now.when);
  now.timer.async_wait([state = std::move(state)](const boost::system::error_code& error) {
    if (error) return;  // armed for another time, or stopped
    state->armed = TimePoint::max();
    if (state->when == TimePoint::max()) return;
    if (Clock::now() < state->when) return Arm(state);
    state->when = TimePoint::max();
    const auto on_time = std::exchange(state->on_time, nullptr);
    on_time();
  });
}

}  // namespace berth::route
