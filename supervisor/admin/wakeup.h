// How a stream of events or log lines sleeps until there is more. Wake() may come from any thread; everything
// else happens on the control thread. Held by shared_ptr, since a wake-up may arrive after the stream's end.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "supervisor/base/duration.h"

namespace berth::admin {

class Wakeup : public std::enable_shared_from_this<Wakeup> {
 public:
  explicit Wakeup(boost::asio::any_io_executor executor) : timer_(executor) {}

  void Wake();
  // Until a Wake() that comes while this waits, or `most` has passed. Who looks for news and then waits,
  // without a co_await between, misses none.
  boost::asio::awaitable<void> Wait(Duration most);

 private:
  boost::asio::steady_timer timer_;
  std::atomic<bool> posted_{false};  // a flood of wake-ups posts once
};

}  // namespace berth::admin
