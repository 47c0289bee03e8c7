// PreTokenizer::Parse: tokenizer.json's "pre_tokenizer".
#include <algorithm>
#include <array>

#include "worker/checkpoint/json_fields.h"
#include "worker/text/pre_tokenizer.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;

constexpr std::size_t kStepLimit = 32;

struct CutName {
  std::string_view name;
  Cut cut;
};

constexpr std::array<CutName, 5> kCuts = {{{"Removed", Cut::kRemoved},
                                           {"Isolated", Cut::kIsolated},
                                           {"Contiguous", Cut::kContiguous},
                                           {"MergedWithPrevious", Cut::kMergedWithPrevious},
                                           {"MergedWithNext", Cut::kMergedWithNext}}};

Cut ReadCut(JsonFields& fields) {
  const std::string name = fields.String("behavior", "Isolated");
  const auto found = std::ranges::find(kCuts, name, &CutName::name);
  if (found != kCuts.end()) return found->cut;
  fields.Fail(
      "behavior \"" + name +
      "\" is not supported; supported: Removed, Isolated, Contiguous, MergedWithPrevious, MergedWithNext");
  return Cut::kIsolated;
}

class Parser {
 public:
  Status Add(const nlohmann::json& value, const std::string& where) {
    JsonFields fields(value, where);
    const std::string type = fields.String("type");
    if (!fields.ok()) return fields.error();
    if (type == "Sequence") return AddSequence(fields);
    if (steps_.size() == kStepLimit) return Invalid(where, ": has more than ", kStepLimit, " steps");
    AddStep(type, fields);
    if (!fields.ok()) return fields.error();
    return Ok();
  }

  std::vector<PreTokenizerStep> TakeSteps() { return std::move(steps_); }

 private:
  Status AddSequence(JsonFields& fields) {
    const auto& list = fields.Array("pretokenizers");
    for (std::size_t i = 0; i < list.size(); ++i) {
      Status added = Add(list[i], fields.where() + ".pretokenizers[" + std::to_string(i) + "]");
      if (!added) return added;
    }
    if (!fields.ok()) return fields.error();
    return Ok();
  }

  void AddStep(const std::string& type, JsonFields& fields) {
    if (type == "BertPreTokenizer") {
      steps_.emplace_back(BertSplit{});
    } else if (type == "Whitespace") {
      steps_.emplace_back(WordSplit{});
    } else if (type == "WhitespaceSplit") {
      steps_.emplace_back(WhitespaceSplit{});
    } else if (type == "Punctuation") {
      steps_.emplace_back(PunctuationSplit{ReadCut(fields)});
    } else if (type == "Digits") {
      steps_.emplace_back(
          DigitSplit{fields.Bool("individual_digits", false) ? Cut::kIsolated : Cut::kContiguous});
    } else {
      fields.Fail(
          "pre-tokenizer \"" + type +
          "\" is not supported; supported: BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, "
          "Digits, Sequence");
    }
  }

  std::vector<PreTokenizerStep> steps_;
};

}  // namespace

Result<PreTokenizer> PreTokenizer::Parse(const nlohmann::json& value, const std::string& where) {
  if (value.is_null()) return PreTokenizer();
  Parser parser;
  if (Status added = parser.Add(value, where); !added) return added.error();
  return PreTokenizer(parser.TakeSteps());
}

}  // namespace berth::text
