// The second stage: cuts a normalised text into words, as the steps of tokenizer.json's "pre_tokenizer" say.
// Words are views into the text, or into the workspace where a step spells them differently (ByteLevel,
// Metaspace). Immutable.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/text/regex.h"
#include "worker/text/shared_steps.h"
#include "worker/text/workspace.h"

namespace berth::text {

struct BertSplit {};        // at white space, which is dropped; every punctuation character is a word
struct WhitespaceSplit {};  // at white space, which is dropped
struct WordSplit {};        // \w+|[^\w\s]+

// What becomes of the places at which a text is cut.
enum class Cut { kRemoved, kIsolated, kContiguous, kMergedWithPrevious, kMergedWithNext };

struct PunctuationSplit {
  Cut cut;
};
struct DigitSplit {
  Cut cut;
};
struct TextSplit {
  std::string pattern;
  Cut cut;
  bool invert = false;  // what does not match is what it is cut at
};
struct RegexSplit {
  Regex pattern;
  Cut cut;
  bool invert = false;
};
struct ByteLevelStep {
  bool add_prefix_space = false;  // in front of every part that does not begin with one
  std::optional<Regex> pattern;   // cut at its matches first, which stay
};
struct MetaspaceStep {
  std::string replacement;  // of a blank
  PrependScheme scheme = PrependScheme::kAlways;
  bool split = true;          // before each replacement
  bool even_before_blank = false;  // SentencePiece puts one in front of a blank, too
};

using PreTokenizerStep = std::variant<BertSplit, WhitespaceSplit, WordSplit, PunctuationSplit, DigitSplit, TextSplit,
                                      RegexSplit, ByteLevelStep, MetaspaceStep>;

class PreTokenizer {
 public:
  PreTokenizer() = default;
  explicit PreTokenizer(std::vector<PreTokenizerStep> steps) : steps_(std::move(steps)) {}

  // null: the whole text is one word. Errors, beginning with `where`: a type that is not supported; fields.
  static Result<PreTokenizer> Parse(const nlohmann::json& value, const std::string& where);

  // Words in the order of the text, none empty; in the workspace until the next call with it. `at_start`: the text is
  // the beginning of what is encoded, not what follows an added token.
  std::span<const std::string_view> Run(std::string_view text, bool at_start, Workspace& workspace) const;

 private:
  std::vector<PreTokenizerStep> steps_;
};

// GPT-2's pattern, ByteLevel's own.
Regex Gpt2Pattern();

}  // namespace berth::text
