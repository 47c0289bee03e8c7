// PreTokenizer::Parse: tokenizer.json's "pre_tokenizer".
#include <algorithm>
#include <array>

#include "worker/checkpoint/json_fields.h"
#include "worker/text/pre_tokenizer.h"
#include "worker/text/step_reader.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;

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

void AddStep(const std::string& type, JsonFields& fields, std::vector<PreTokenizerStep>& steps) {
  if (type == "BertPreTokenizer") {
    steps.emplace_back(BertSplit{});
  } else if (type == "Whitespace") {
    steps.emplace_back(WordSplit{});
  } else if (type == "WhitespaceSplit") {
    steps.emplace_back(WhitespaceSplit{});
  } else if (type == "Punctuation") {
    steps.emplace_back(PunctuationSplit{ReadCut(fields)});
  } else if (type == "Digits") {
    steps.emplace_back(
        DigitSplit{fields.Bool("individual_digits", false) ? Cut::kIsolated : Cut::kContiguous});
  } else {
    fields.Fail("pre-tokenizer \"" + type +
                "\" is not supported; supported: BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, "
                "Digits, Sequence");
  }
}

}  // namespace

Result<PreTokenizer> PreTokenizer::Parse(const nlohmann::json& value, const std::string& where) {
  if (value.is_null()) return PreTokenizer();
  std::vector<PreTokenizerStep> steps;
  const auto add = [&steps](const std::string& type, JsonFields& fields) {
    AddStep(type, fields, steps);
    return Ok();
  };
  if (Status read = ReadSteps(value, where, "pretokenizers", add); !read) return read.error();
  return PreTokenizer(std::move(steps));
}

}  // namespace berth::text
