#include "worker/text/shared_steps.h"

#include "worker/text/utf8.h"

namespace berth::text {

using checkpoint::JsonFields;

std::string ReadStepText(JsonFields& fields, std::string_view key) {
  std::string text = fields.String(key);
  if (text.size() > kStepTextLimit) {
    fields.Fail(std::string(key) + " has " + std::to_string(text.size()) + " bytes, more than " +
                std::to_string(kStepTextLimit));
  }
  return text;
}

ReplaceStep ReadReplace(JsonFields& fields) {
  JsonFields pattern(fields.Object("pattern"), fields.where() + ".pattern");
  if (!fields.ok()) return {};
  if (pattern.Find("Regex") != nullptr) {
    fields.Fail("Replace with a Regex pattern is not supported; supported: a String pattern");
    return {};
  }
  ReplaceStep step{ReadStepText(pattern, "String"), ReadStepText(fields, "content")};
  if (pattern.ok() && step.pattern.empty()) pattern.Fail("\"String\" is empty; there is nothing to replace");
  if (!pattern.ok()) fields.Fail("bad pattern (" + pattern.error().message + ")");
  return step;
}

MetaspaceFields ReadMetaspace(JsonFields& fields) {
  MetaspaceFields step;
  step.replacement = fields.String("replacement", "\u2581");
  std::size_t end = 0;
  if (!step.replacement.empty()) DecodeAt(step.replacement, end);
  if (fields.ok() && (step.replacement.empty() || end != step.replacement.size())) {
    fields.Fail("\"replacement\" must be one character");
  }
  const bool prefix = fields.Bool("add_prefix_space", true);
  const std::string scheme = fields.String("prepend_scheme", prefix ? "always" : "never");
  step.split = fields.Bool("split", true);
  if (scheme == "first") step.scheme = PrependScheme::kFirst;
  if (scheme == "never") step.scheme = PrependScheme::kNever;
  if (fields.ok() && scheme != "always" && scheme != "first" && scheme != "never") {
    fields.Fail("prepend_scheme \"" + scheme + "\" is not supported; supported: always, first, never");
  }
  if (!prefix && scheme != "never") {
    fields.Fail("add_prefix_space false contradicts prepend_scheme \"" + scheme + "\"");
  }
  return step;
}

}  // namespace berth::text
