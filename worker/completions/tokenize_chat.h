// POST /tokenize of a language model, in vLLM's shapes: {prompt} as every model has it, or {messages, …}: the tokens of
// a conversation as the chat template writes it. Pure but for tokenizer and template; runs on the pool.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "worker/completions/service.h"

namespace berth::completions {

// `text` is the body's, `body` the object that was parsed of it.
serve::Parsed<std::string> TokenizeAny(const nlohmann::json& body, std::string_view text,
                                       const GenerationService& service, engine::Charge& memory);

}  // namespace berth::completions
