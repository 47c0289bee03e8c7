// A worker's output, cut into lines that are safe to show: bounded, valid UTF-8, no control characters. Pure.
// Owned by the coroutine that reads one pipe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berth::launch {

// Control characters other than tab, and bytes that are not UTF-8, become \xNN.
std::string Printable(std::string_view bytes);

class LineCutter {
 public:
  static constexpr std::size_t kMaxLine = 8 * 1024;

  // The lines that `bytes` complete. A line longer than kMaxLine is cut there, and its rest is skipped.
  std::vector<std::string> Feed(std::string_view bytes);
  // The line that was begun and not ended, if any.
  std::vector<std::string> Finish();

 private:
  std::string begun_;
};

// How many lines may be kept: a rate with a burst of one second. Lines above it are counted and dropped.
class LineBudget {
 public:
  static constexpr int kLinesPerSecond = 2000;
  static constexpr std::size_t kBytesPerSecond = 1024 * 1024;

  // `second` is any clock in whole seconds.
  bool Admit(std::int64_t second, std::size_t bytes);

 private:
  std::int64_t second_ = -1;
  int lines_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace berth::launch
