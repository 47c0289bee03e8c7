// The first stage: a text's normal form, as the steps of tokenizer.json's "normalizer" make it. Immutable.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/text/bert_normalizer.h"
#include "worker/text/shared_steps.h"
#include "worker/text/workspace.h"

namespace berth::text {

struct LowercaseStep {};
struct StripAccentsStep {};  // drops marks; decomposes nothing
struct UnicodeFormStep {
  int options;  // of utf8proc_map
};
struct StripStep {
  bool left, right;
};
struct PrependStep {
  std::string text;  // in front of a text that is not empty
};

using NormalizerStep = std::variant<BertNormalizer, LowercaseStep, StripAccentsStep, UnicodeFormStep,
                                    StripStep, ReplaceStep, PrependStep>;

class Normalizer {
 public:
  Normalizer() = default;
  explicit Normalizer(std::vector<NormalizerStep> steps) : steps_(std::move(steps)) {}

  // null is no normalisation. Errors, beginning with `where`: a type that is not supported, by name; fields.
  static Result<Normalizer> Parse(const nlohmann::json& value, const std::string& where);

  // `text` itself or one of the workspace's buffers: valid until the next call with it. The text is valid
  // UTF-8.
  std::string_view Run(std::string_view text, Workspace& workspace) const;

 private:
  std::vector<NormalizerStep> steps_;
};

}  // namespace berth::text
