#include "supervisor/launch/restart_policy.h"

#include <algorithm>

namespace berth::launch {

std::optional<Duration> RestartPolicy::OnFailure(TimePoint now, Duration good_run, bool of_memory) {
  if (good_run >= settings_.backoff_max) in_a_row_ = memory_in_a_row_ = 0;
  memory_in_a_row_ += of_memory ? 1 : 0;
  while (!failures_.empty() && now - failures_.front() >= settings_.give_up_window) failures_.pop_front();
  failures_.push_back(now);
  ++in_a_row_;
  if (static_cast<int>(failures_.size()) >= settings_.give_up_count || never_fits()) return std::nullopt;

  Duration delay = settings_.backoff_min;
  for (int i = 1; i < in_a_row_ && delay < settings_.backoff_max; ++i) delay *= 2;
  delay = std::min(delay, settings_.backoff_max);
  const double u = static_cast<double>(random_() >> 11) * 0x1p-53;
  return Duration(static_cast<Duration::rep>(static_cast<double>(delay.count()) * (1 - u / 4)));
}

int RestartPolicy::FailuresInWindow(TimePoint now) const {
  return static_cast<int>(std::count_if(failures_.begin(), failures_.end(), [&](TimePoint failure) {
    return now - failure < settings_.give_up_window;
  }));
}

void RestartPolicy::Forgive() {
  failures_.clear();
  in_a_row_ = memory_in_a_row_ = 0;
}

}  // namespace berth::launch
