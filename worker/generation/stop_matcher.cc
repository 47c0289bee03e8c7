#include "worker/generation/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace berth::engine {

StopMatcher::StopMatcher(const std::vector<std::string>& stops, bool include_stop) : include_stop_(include_stop) {
  for (const std::string& text : stops) {
    if (text.empty()) continue;
    Stop stop{text, {0}, 0};
    for (std::size_t i = 1; i < text.size(); ++i) stop.failure.push_back(Advance(stop, stop.failure.back(), text[i]));
    stops_.push_back(std::move(stop));
  }
}

std::size_t StopMatcher::Advance(const Stop& stop, std::size_t matched, char next) {
  while (matched > 0 && stop.text[matched] != next) matched = stop.failure[matched - 1];
  return stop.text[matched] == next ? matched + 1 : 0;
}

// True: some stop string is complete.
bool StopMatcher::Step(char next) {
  bool complete = false;
  for (Stop& stop : stops_) {
    stop.matched = Advance(stop, stop.matched, next);
    complete |= stop.matched == stop.text.size();
  }
  return complete;
}

std::string StopMatcher::Push(std::string_view text) {
  if (stopped_) return {};
  if (stops_.empty()) return std::string(text);
  for (const char next : text) {
    withheld_ += next;
    if (!Step(next)) continue;
    std::size_t length = 0;
    for (const Stop& stop : stops_) {
      if (stop.matched == stop.text.size()) length = std::max(length, stop.matched);
    }
    return EndAt(length);
  }
  std::size_t undecided = 0;
  for (const Stop& stop : stops_) undecided = std::max(undecided, stop.matched);
  std::string certain = withheld_.substr(0, withheld_.size() - undecided);
  withheld_.erase(0, certain.size());
  return certain;
}

std::string StopMatcher::EndAt(std::size_t length) {
  stopped_ = true;
  if (!include_stop_) withheld_.resize(withheld_.size() - length);
  return std::exchange(withheld_, {});
}

std::string StopMatcher::Finish() { return std::exchange(withheld_, {}); }

}  // namespace berth::engine
