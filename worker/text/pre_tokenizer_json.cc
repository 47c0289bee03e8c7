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

// {"String": " "} or {"Regex": "\\s+"}
Status AddSplit(JsonFields& fields, std::vector<PreTokenizerStep>& steps) {
  const bool invert = fields.Bool("invert", false);
  const Cut cut = ReadCut(fields);
  JsonFields pattern(fields.Object("pattern"), fields.where() + ".pattern");
  if (!fields.ok()) return fields.error();
  if (pattern.Find("Regex") == nullptr) {
    TextSplit step{ReadStepText(pattern, "String"), cut, invert};
    if (pattern.ok() && step.pattern.empty()) pattern.Fail("\"String\" is empty; there is nothing to cut at");
    if (!pattern.ok()) return pattern.error();
    steps.emplace_back(std::move(step));
    return Ok();
  }
  const std::string text = pattern.String("Regex");
  if (!pattern.ok()) return pattern.error();
  auto regex = Regex::Compile(text, pattern.where());
  if (!regex) return regex.error();
  steps.emplace_back(RegexSplit{std::move(*regex), cut, invert});
  return Ok();
}

ByteLevelStep ReadByteLevel(JsonFields& fields) {
  ByteLevelStep step{fields.Bool("add_prefix_space", true), std::nullopt};
  if (fields.Bool("use_regex", true)) step.pattern = Gpt2Pattern();
  return step;
}

MetaspaceStep ReadMetaspaceStep(JsonFields& fields) {
  const MetaspaceFields read = ReadMetaspace(fields);
  return {read.replacement, read.scheme, read.split};
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
  } else if (type == "ByteLevel") {
    steps.emplace_back(ReadByteLevel(fields));
  } else if (type == "Metaspace") {
    steps.emplace_back(ReadMetaspaceStep(fields));
  } else {
    fields.Fail("pre-tokenizer \"" + type +
                "\" is not supported; supported: BertPreTokenizer, Whitespace, WhitespaceSplit, Punctuation, "
                "Digits, Split, ByteLevel, Metaspace, Sequence");
  }
}

}  // namespace

Result<PreTokenizer> PreTokenizer::Parse(const nlohmann::json& value, const std::string& where) {
  if (value.is_null()) return PreTokenizer();
  std::vector<PreTokenizerStep> steps;
  const auto add = [&steps](const std::string& type, JsonFields& fields) {
    if (type == "Split") return AddSplit(fields, steps);
    AddStep(type, fields, steps);
    return Ok();
  };
  if (Status read = ReadSteps(value, where, "pretokenizers", add); !read) return read.error();
  return PreTokenizer(std::move(steps));
}

}  // namespace berth::text
