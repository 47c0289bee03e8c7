// Steps that tokenizer.json spells alike in several stages: Replace (normalizer, decoder) and Metaspace
// (pre-tokenizer, decoder). Mistakes go to the fields.
#pragma once

#include <string>

#include "worker/checkpoint/json_fields.h"

namespace berth::text {

inline constexpr std::size_t kStepTextLimit = 256;  // bytes of a step's text

struct ReplaceStep {
  std::string pattern, content;
};

// {"pattern": {"String": " "}, "content": "▁"}; a Regex pattern is refused.
ReplaceStep ReadReplace(checkpoint::JsonFields& fields);

// Where a "▁" is put in front of a text that does not begin with one.
enum class PrependScheme {
  kAlways,  // of every part between added tokens
  kFirst,   // at the very beginning alone
  kNever,
};

struct MetaspaceFields {
  std::string replacement;  // one character
  PrependScheme scheme = PrependScheme::kAlways;
  bool split = true;
};

// Old form: "add_prefix_space"; new: "prepend_scheme" and "split".
MetaspaceFields ReadMetaspace(checkpoint::JsonFields& fields);

// A string of at most kStepTextLimit bytes.
std::string ReadStepText(checkpoint::JsonFields& fields, std::string_view key);

}  // namespace berth::text
