// Waiting with a limit. Boost 1.81 has no cancel_after: WithDeadline races an operation against a timer, and
// cancels whichever comes second.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "supervisor/base/duration.h"

namespace berth {

inline boost::asio::awaitable<void> SleepUntil(TimePoint when) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, when);
  boost::system::error_code ignored;
  co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
}

inline boost::asio::awaitable<void> SleepFor(Duration duration) { return SleepUntil(Clock::now() + duration); }

// The operation's value, or nothing when `deadline` passed first (the operation was cancelled and has ended).
template <class T>
boost::asio::awaitable<std::optional<T>> WithDeadline(boost::asio::awaitable<T> operation, TimePoint deadline) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto winner = co_await (std::move(operation) || SleepUntil(deadline));
  if (winner.index() == 0) co_return std::optional<T>(std::get<0>(std::move(winner)));
  co_return std::nullopt;
}

}  // namespace berth
