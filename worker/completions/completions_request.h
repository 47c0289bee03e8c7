// The body of POST /v1/completions, from JSON to values: every parameter checked for type and range, each mistake a 400
// that names it. Pure; no tokenizer, no engine.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <variant>
#include <vector>

#include "worker/completions/generation_request.h"

namespace berth::completions {

inline constexpr int kMostAlternatives = 5;             // `logprobs`, as OpenAI's
inline constexpr int kMostOfBest = 20;                  // `best_of`
inline constexpr std::size_t kMostPrompts = 1024;       // of one request
inline constexpr std::int64_t kDefaultMaxTokens = 16;

using PromptTokens = std::vector<std::int32_t>;

struct CompletionsRequest : GenerationRequest {
  std::vector<std::variant<std::string, PromptTokens>> prompts;  // in order; tokens are taken as they are
  bool single = false;  // `prompt` was no list of prompts
  bool echo = false;    // the prompt's text, and its log-probabilities, come back before the completion's

  std::string ParamOf(std::size_t index) const { return single ? "prompt" : Element("prompt", index); }
};

Parsed<CompletionsRequest> ParseCompletions(const nlohmann::json& body, const GenerationFacts& model);

}  // namespace berth::completions
