// The second stage: cuts a normalised text into words, as the steps of tokenizer.json's "pre_tokenizer" say.
// Words are views into the text. Immutable.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/text/workspace.h"

namespace berth::text {

struct BertSplit {};        // at white space, which is dropped; every punctuation character is a word
struct WhitespaceSplit {};  // at white space, which is dropped
struct WordSplit {};        // \w+|[^\w\s]+

// What becomes of the characters at which a text is cut.
enum class Cut { kRemoved, kIsolated, kContiguous, kMergedWithPrevious, kMergedWithNext };

struct PunctuationSplit {
  Cut cut;
};
struct DigitSplit {
  Cut cut;
};

using PreTokenizerStep = std::variant<BertSplit, WhitespaceSplit, WordSplit, PunctuationSplit, DigitSplit>;

class PreTokenizer {
 public:
  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<PreTokenizerStep> steps) : steps_(std::move(steps)) {}

  // null: the whole text is one word. Errors, beginning with `where`: a type that is not supported; fields.
  static Result<PreTokenizer> Parse(const nlohmann::json& value, const std::string& where);

  // Words in the order of the text, none empty; in the workspace until the next call with it.
  std::span<const std::string_view> Run(std::string_view text, Workspace& workspace) const;

 private:
  std::vector<PreTokenizerStep> steps_;
};

}  // namespace berth::text
