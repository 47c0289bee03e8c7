#include "supervisor/launch/vitals.h"

#include <algorithm>
#include <cstdio>

namespace berth::launch {
namespace {

Duration Since(TimePoint then, TimePoint now) { return std::chrono::duration_cast<Duration>(now - then); }

std::string Percent(double fraction) {
  char text[16];
  std::snprintf(text, sizeof text, "%.0f %%", fraction * 100);
  return text;
}

}  // namespace

void Vitals::OnLoading(std::string stage, double fraction, TimePoint now) {
  if (fraction > fraction_ || stage != stage_) moved_ = now;
  fraction_ = std::max(fraction_, fraction);
  stage_ = std::move(stage);
}

void Vitals::OnReady(TimePoint now) {
  fraction_ = 1;
  moved_ = now;
  last_beat_ = now;
}

void Vitals::OnBeat(std::uint64_t steps, TimePoint now) {
  last_beat_ = now;
  if (steps == steps_) return;
  steps_ = steps;
  moved_ = now;
}

void Vitals::Excuse(TimePoint now) {
  const auto gap = now - last_check_;
  last_check_ = now;
  if (gap <= 3 * kCheckEvery) return;
  moved_ = std::min(now, moved_ + gap);
  if (busy_since_) busy_since_ = std::min(now, *busy_since_ + gap);
  if (last_beat_) last_beat_ = std::min(now, *last_beat_ + gap);
}

std::optional<Trouble> Vitals::CheckLoad(TimePoint now) {
  Excuse(now);
  if (now - moved_ < limits_.load_stall) return {};
  const std::string where = stage_.empty() ? "before its first word" : "at " + Percent(fraction_) + " of " + stage_;
  return Trouble{ExitCause::kLoadFailed, "loading made no progress for " + FormatDuration(limits_.load_stall) + ", " +
                                             where + "; raise load.stall if the source is slow"};
}

std::optional<Trouble> Vitals::CheckHealth(TimePoint now, bool busy) {
  Excuse(now);
  if (!busy) busy_since_.reset();
  if (busy && !busy_since_) busy_since_ = now;
  if (last_beat_ && now - *last_beat_ >= limits_.health_stall) {
    return Trouble{ExitCause::kHung, "no beat for " + FormatDuration(limits_.health_stall) + ": the process is stopped"};
  }
  if (!busy || now - std::max(moved_, *busy_since_) < limits_.health_stall) return {};
  return Trouble{ExitCause::kHung, "there is work, but no step was made for " + FormatDuration(limits_.health_stall)};
}

std::optional<Duration> Vitals::BeatAge(TimePoint now) const {
  if (!last_beat_) return {};
  return Since(*last_beat_, now);
}

Duration Vitals::StepAge(TimePoint now) const {
  return busy_since_ ? Since(std::max(moved_, *busy_since_), now) : Duration::zero();
}

}  // namespace berth::launch
