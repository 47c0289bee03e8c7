// One request on its way through its route, and what a route answers it with. The router makes a Call on the io thread;
// the route works on it on the pool, and never touches the connection.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "supervisor/base/duration.h"
#include "worker/metering/budget.h"
#include "worker/protocol/http_message.h"

namespace berth::serve {

// Whether the client has left, and whom to tell. Any thread.
class Departure {
 public:
  // Called once, when the client leaves; at once, when it has left already. Replaces what was to be called before.
  void Then(std::function<void()> callback) {
    std::unique_lock lock(mutex_);
    callback_ = std::move(callback);
    if (left_) Tell(std::move(lock));
  }
  void Leave() {
    std::unique_lock lock(mutex_);
    left_ = true;
    Tell(std::move(lock));
  }

 private:
  void Tell(std::unique_lock<std::mutex> lock) {
    const auto callback = std::exchange(callback_, nullptr);
    lock.unlock();
    if (callback) callback();
  }

  std::mutex mutex_;
  bool left_ = false;                // guarded by mutex_
  std::function<void()> callback_;   // guarded by mutex_
};

struct Call {
  std::shared_ptr<http::Request> request;
  Departure departure;
  engine::Charge charge;  // of the request's body; the route's job takes it over
};

// An answer that comes in pieces, as server-sent events. Used on the io thread; when it goes before its last piece,
// what makes it is cancelled.
class EventSource {
 public:
  struct Piece {
    std::string events;  // whole ones; empty: nothing became known before the deadline
    bool last = false;
  };

  virtual ~EventSource() = default;
  // What became known since the last piece; waits for it until `deadline`.
  virtual boost::asio::awaitable<Piece> Next(TimePoint deadline) = 0;
};

using Answer = std::variant<http::Response, std::unique_ptr<EventSource>>;

struct Route {
  std::string path;
  std::function<boost::asio::awaitable<Answer>(std::shared_ptr<Call>)> serve;  // on the pool
};

}  // namespace berth::serve
