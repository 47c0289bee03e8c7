// Stop strings over a text that comes in pieces. Text that may begin a stop string is withheld until it is decided.
// A text ends where the first stop string is complete, whatever the pieces; of several that end there, the one that
// begins first counts. Byte by byte, by the failure function of Knuth, Morris and Pratt 1977, so that the cost does
// not depend on the text. Strings and text are UTF-8, so what is let go is, too. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace berth::engine {

// The stop strings, made ready to be looked for; shared by all texts in which they are.
class StopPatterns {
 public:
  // Empty strings stop nothing.
  explicit StopPatterns(const std::vector<std::string>& stops);

 private:
  friend class StopMatcher;
  struct Pattern {
    std::string text;
    std::vector<std::uint32_t> failure;  // of each prefix, the length of its longest proper prefix that is a suffix

    std::uint32_t Advance(std::uint32_t matched, char next) const;
  };
  std::vector<Pattern> patterns_;
};

class StopMatcher {
 public:
  // `patterns` outlives this. `include_stop`: the stop string is part of the text.
  StopMatcher(const StopPatterns& patterns, bool include_stop)
      : include_stop_(include_stop), patterns_(patterns.patterns_), matched_(patterns_.size()) {}

  // What is certain of the text after `text`; nothing more comes once it has stopped.
  std::string Push(std::string_view text);
  bool stopped() const { return stopped_; }
  // The text has ended: what was withheld.
  std::string Finish();

 private:
  std::size_t Step(char next);
  std::string EndAt(std::size_t length);

  const bool include_stop_;
  const std::vector<StopPatterns::Pattern>& patterns_;
  std::vector<std::uint32_t> matched_;  // of each pattern, at the end of what was seen
  std::string withheld_;
  bool stopped_ = false;
};

}  // namespace berth::engine
