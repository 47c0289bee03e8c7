// POST /tokenize {prompt | text, add_special_tokens, return_token_strs} → {count, max_model_len, tokens} and
// POST /detokenize {tokens} → {prompt}, in vLLM's shapes. Pure but for the tokenizer; they run on the pool.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "worker/metering/budget.h"
#include "worker/serve/api_error.h"
#include "worker/serve/model_facts.h"
#include "worker/text/tokenizer.h"

namespace berth::serve {

// The reply's JSON text, or what is wrong with the request. What they need is added to `memory` first.
Parsed<std::string> Tokenize(const nlohmann::json& body, const ModelFacts& model, const text::Tokenizer& tokenizer,
                             engine::Charge& memory);
Parsed<std::string> Detokenize(const nlohmann::json& body, const ModelFacts& model, const text::Tokenizer& tokenizer,
                               engine::Charge& memory);

// The reply to a request for tokens; `strings`: with each one's text in the vocabulary.
Parsed<std::string> TokenizeReply(const std::vector<text::TokenId>& ids, bool strings, const ModelFacts& model,
                                  const text::Tokenizer& tokenizer, engine::Charge& memory);

}  // namespace berth::serve
