// Normalizer::Parse: tokenizer.json's "normalizer".
#include <utf8proc.h>

#include "worker/checkpoint/json_fields.h"
#include "worker/text/normalizer.h"
#include "worker/text/step_reader.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;

constexpr std::size_t kGrowthLimit = 64;  // how much longer all Replace steps together may make a text

class Parser {
 public:
  void AddStep(const std::string& type, JsonFields& fields) {
    if (type == "BertNormalizer") {
      steps_.emplace_back(ReadBert(fields));
    } else if (type == "Lowercase") {
      steps_.emplace_back(LowercaseStep{});
    } else if (type == "StripAccents") {
      steps_.emplace_back(StripAccentsStep{});
    } else if (type == "Strip") {
      const bool left = fields.Bool("strip_left", true);
      steps_.emplace_back(StripStep{left, fields.Bool("strip_right", true)});
    } else if (type == "Replace") {
      AddReplace(fields);
    } else if (type == "Prepend") {
      steps_.emplace_back(PrependStep{ReadStepText(fields, "prepend")});
    } else if (!AddUnicodeForm(type)) {
      fields.Fail(
          "normalizer \"" + type +
          "\" is not supported; supported: BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, StripAccents, "
          "Strip, Replace, Prepend, Sequence");
    }
  }

  std::vector<NormalizerStep> TakeSteps() { return std::move(steps_); }

 private:
  static BertNormalizer ReadBert(JsonFields& fields) {
    BertOptions options;
    options.clean_text = fields.Bool("clean_text", true);
    options.handle_chinese_chars = fields.Bool("handle_chinese_chars", true);
    options.lowercase = fields.Bool("lowercase", true);
    options.strip_accents = fields.Bool("strip_accents", options.lowercase);
    return BertNormalizer(options);
  }

  bool AddUnicodeForm(const std::string& type) {
    int options = UTF8PROC_STABLE;
    if (type == "NFC" || type == "NFKC") {
      options |= UTF8PROC_COMPOSE;
    } else if (type == "NFD" || type == "NFKD") {
      options |= UTF8PROC_DECOMPOSE;
    } else {
      return false;
    }
    if (type.find('K') != std::string::npos) options |= UTF8PROC_COMPAT;
    steps_.emplace_back(UnicodeFormStep{options});
    return true;
  }

  void AddReplace(JsonFields& fields) {
    ReplaceStep step = ReadReplace(fields);
    if (!fields.ok()) return;
    growth_ *= 1 + step.content.size() / step.pattern.size();
    if (growth_ > kGrowthLimit) {
      fields.Fail("its Replace steps can make a text more than " + std::to_string(kGrowthLimit) +
                  " times longer");
      return;
    }
    steps_.emplace_back(std::move(step));
  }

  std::vector<NormalizerStep> steps_;
  std::size_t growth_ = 1;
};

}  // namespace

Result<Normalizer> Normalizer::Parse(const nlohmann::json& value, const std::string& where) {
  if (value.is_null()) return Normalizer();
  Parser parser;
  const auto add = [&parser](const std::string& type, JsonFields& fields) {
    parser.AddStep(type, fields);
    return Ok();
  };
  if (Status read = ReadSteps(value, where, "normalizers", add); !read) return read.error();
  return Normalizer(parser.TakeSteps());
}

}  // namespace berth::text
