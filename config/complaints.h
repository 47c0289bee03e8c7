// Collects mistakes while a plan is read: each once, in the order of the file at the end, at most kMost of them.
#pragma once

#include <string>

#include "config/parse.h"

namespace berth::config {

class Complaints {
 public:
  void Add(int line, int column, std::string message);
  bool empty() const { return list_.empty(); }
  // Sorted, without repetitions (what an alias or `defaults` repeats is wrong once).
  std::vector<Mistake> Take();

 private:
  static constexpr std::size_t kMost = 100;  // shown; how many more there are is said
  std::vector<Mistake> list_;
};

// Text of the plan for messages, long text and control characters made into something that fits a line; and the
// same in quotes.
std::string Shortened(std::string_view text);
std::string Quoted(std::string_view text);

}  // namespace berth::config
