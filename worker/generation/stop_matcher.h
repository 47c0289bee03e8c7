// Stop strings over a text that comes in pieces. Text that may begin a stop string is withheld until it is decided.
// A text ends where the first stop string is complete, whatever the pieces; of several that end there, the one that
// begins first counts. Byte by byte, by the failure function of Knuth, Morris and Pratt 1977, so that the cost does
// not depend on the text. Strings and text are UTF-8, so what is let go is, too. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace berth::engine {

class StopMatcher {
 public:
  // Empty strings stop nothing. `include_stop`: the stop string is part of the text.
  StopMatcher(const std::vector<std::string>& stops, bool include_stop);

  // What is certain of the text after `text`; nothing more comes once it has stopped.
  std::string Push(std::string_view text);
  bool stopped() const { return stopped_; }
  // The text has ended: what was withheld.
  std::string Finish();

 private:
  struct Stop {
    std::string text;
    std::vector<std::size_t> failure;  // of each prefix, the length of its longest proper prefix that is a suffix
    std::size_t matched = 0;           // of `text`, at the end of what was seen
  };
  static std::size_t Advance(const Stop& stop, std::size_t matched, char next);
  bool Step(char next);
  std::string EndAt(std::size_t length);

  const bool include_stop_;
  std::vector<Stop> stops_;
  std::string withheld_;
  bool stopped_ = false;
};

}  // namespace berth::engine
