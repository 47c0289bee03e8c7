#include "supervisor/observe/events.h"

#include <algorithm>

#include "supervisor/base/log.h"

namespace berth::observe {
namespace {

std::string LogLine(const Event& event) {
  std::string line = event.type;
  if (!event.model.empty()) {
    line.append(" ").append(event.model);
    if (event.replica >= 0) line.append("/").append(std::to_string(event.replica));
  }
  return line.append(": ").append(event.message);
}

}  // namespace

void Events::Add(std::string type, std::string model, int replica, std::string message) {
  const std::lock_guard lock(mutex_);
  Event event{next_seq_++, TimestampNow(), std::move(type), std::move(model), replica, std::move(message)};
  // Inside the lock, so that the log has the order of the ring.
  LogInfo(LogLine(event));
  ring_.push_back(std::move(event));
  if (ring_.size() > capacity_) ring_.pop_front();
  for (const auto& [id, wake] : subscribers_) wake();
}

std::vector<Event> Events::Since(std::uint64_t after, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  const auto first = std::ranges::upper_bound(ring_, after, {}, &Event::seq);
  const auto left = static_cast<std::size_t>(ring_.end() - first);
  return {first, first + static_cast<std::ptrdiff_t>(std::min(most, left))};
}

std::uint64_t Events::last_seq() const {
  const std::lock_guard lock(mutex_);
  return next_seq_ - 1;
}

std::uint64_t Events::Subscribe(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  subscribers_.emplace(next_id_, std::move(wake));
  return next_id_++;
}

void Events::Unsubscribe(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  subscribers_.erase(id);
}

}  // namespace berth::observe
