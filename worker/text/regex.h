// A pattern of tokenizer.json, run by PCRE2 (its JIT is the fastest engine in Debian, and its limits are per match).
// What the pattern means is what it means to Oniguruma, which the original library uses: the classes \s, \d and \w are
// spelled out by Unicode properties before PCRE2 sees them, and what the two engines read differently is refused by
// name. Immutable: threads share it, each with its own RegexScratch.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"

namespace berth::text {

// The memory of one thread's matches: made by the first, used again by the others.
class RegexScratch {
 public:
  RegexScratch();
  ~RegexScratch();
  RegexScratch(const RegexScratch&) = delete;
  RegexScratch& operator=(const RegexScratch&) = delete;

 private:
  friend class Regex;
  struct Match;
  std::unique_ptr<Match> match_;
};

class Regex {
 public:
  struct Span {
    std::size_t begin = 0, end = 0;
  };
  enum class Outcome { kFound, kNone, kGaveUp };

  // Errors begin with `where`: what is wrong with the pattern and at which byte.
  static Result<Regex> Compile(std::string_view pattern, const std::string& where);

  // The first match at or after `from`, in valid UTF-8, `from` at a character. kGaveUp: the match would take more steps
  // than a text of this size deserves; what published patterns do with any text is far below that.
  Outcome Find(std::string_view text, std::size_t from, RegexScratch& scratch, Span& found) const;

 private:
  struct Code;
  explicit Regex(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

  std::shared_ptr<const Code> code_;  // shared by copies; never changed
};

// The pattern as PCRE2 should read it. The error (without `where`): a construct that the two engines read differently,
// or that no published tokenizer needs: back references, recursion, callouts, verbs, set operations in a class.
Result<std::string> TranslatePattern(std::string_view pattern);

}  // namespace berth::text
