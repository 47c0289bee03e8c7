#include "worker/generation/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace berth::engine {

StopPatterns::StopPatterns(const std::vector<std::string>& stops) {
  for (const std::string& text : stops) {
    if (text.empty()) continue;
    Pattern pattern{text, {}};
    pattern.failure.reserve(text.size());
    pattern.failure.push_back(0);
    for (std::size_t i = 1; i < text.size(); ++i) {
      pattern.failure.push_back(pattern.Advance(pattern.failure.back(), text[i]));
    }
    patterns_.push_back(std::move(pattern));
  }
}

std::uint32_t StopPatterns::Pattern::Advance(std::uint32_t matched, char next) const {
  while (matched > 0 && text[matched] != next) matched = failure[matched - 1];
  return text[matched] == next ? matched + 1 : 0;
}

// The length of the longest stop string that is complete; 0: none is.
std::size_t StopMatcher::Step(char next) {
  std::size_t complete = 0;
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    matched_[i] = patterns_[i].Advance(matched_[i], next);
    if (matched_[i] == patterns_[i].text.size()) complete = std::max(complete, patterns_[i].text.size());
  }
  return complete;
}

std::string StopMatcher::Push(std::string_view text) {
  if (stopped_) return {};
  if (patterns_.empty()) return std::string(text);
  for (const char next : text) {
    withheld_ += next;
    if (const std::size_t length = Step(next); length > 0) return EndAt(length);
  }
  const std::size_t undecided = *std::ranges::max_element(matched_);
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
