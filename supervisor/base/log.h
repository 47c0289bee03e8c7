// The daemon's own log: one line per event on standard error, `2026-01-31T12:00:00.123Z level message`, whole
// lines only, from any thread; control characters in a message become spaces. Workers' output does not come here (supervisor/launch/logs.h).
#pragma once

#include <string>
#include <string_view>

namespace berth {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines below this level are dropped. Set once, before threads start.
void SetLogLevel(LogLevel least);
void Log(LogLevel level, std::string_view message);

inline void LogInfo(std::string_view message) { Log(LogLevel::kInfo, message); }
inline void LogWarning(std::string_view message) { Log(LogLevel::kWarning, message); }
inline void LogError(std::string_view message) { Log(LogLevel::kError, message); }

// Wall-clock UTC with milliseconds: "2026-01-31T12:00:00.123Z".
std::string TimestampNow();

}  // namespace berth
