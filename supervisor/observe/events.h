// What happened, for operators: a bounded ring of events in the order in which they occurred, which
// `berth events -f` and the admin socket read. Events are facts about the fleet (state changes, exits,
// refusals, admin calls), never about single requests. Thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace berth::observe {

struct Event {
  std::uint64_t seq = 0;     // from 1, without gaps
  std::string time;          // UTC, RFC 3339 with milliseconds
  std::string type;          // "state", "held_back", "exit", "load", "admin", "refused", "daemon", …
  std::string model;         // "" when none is meant
  int replica = -1;          // -1: none
  std::string message;       // one sentence
};

class Events {
 public:
  explicit Events(std::size_t capacity = 4096) : capacity_(capacity) {}

  // Also writes a line to the daemon's log.
  void Add(std::string type, std::string model, int replica, std::string message);
  // Events with seq > `after` that are still in the ring, oldest first, at most `most`.
  std::vector<Event> Since(std::uint64_t after, std::size_t most = 1000) const;
  std::uint64_t last_seq() const;

  // `wake` is called after each Add, on the adding thread; it must not block nor call back in here.
  std::uint64_t Subscribe(std::function<void()> wake);
  void Unsubscribe(std::uint64_t id);

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<Event> ring_;
  std::uint64_t next_seq_ = 1;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::function<void()>> subscribers_;
};

}  // namespace berth::observe
