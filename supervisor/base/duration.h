// Times in plans and messages: an integer or decimal number with a unit (us, ms, s, m, h). A bare number
// other than 0 is refused.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"

namespace berth {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
// Everything a plan can say fits in microseconds.
using Duration = std::chrono::microseconds;

// "10ms" → 10,000 µs. Errors: no unit, unknown unit, negative, not a number, above 10 years.
Result<Duration> ParseDuration(std::string_view text);

// "250us", "10ms", "1.5s", "2m", "36h": the largest unit that keeps the value at 1 or more.
std::string FormatDuration(Duration duration);

}  // namespace berth
