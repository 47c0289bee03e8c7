// A vocabulary as models of tokenizer.json and GPT-2's vocab.json have it: {"the": 262, …}.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "supervisor/base/result.h"
#include "worker/text/vocabulary.h"

namespace berth::text {

// Errors begin with `where`: a token whose id is no id, or is another token's.
Result<Vocabulary> ParseVocabulary(const nlohmann::json& tokens, const std::string& where);

}  // namespace berth::text
