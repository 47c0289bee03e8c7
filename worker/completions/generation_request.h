// What chat and completions have in common: how many choices, drawn how, ending when, told of how. From JSON to
// values: every parameter is checked for type and range, each mistake a 400 that names it. Parameters are OpenAI's,
// and vLLM's where OpenAI has none. Pure; no tokenizer, no engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "worker/completions/generation_facts.h"
#include "worker/serve/api_error.h"
#include "worker/serve/body_fields.h"

namespace berth::completions {

using serve::ApiError;
using serve::BodyFields;
using serve::Parsed;

inline constexpr int kMostChoices = 128;       // `n`
inline constexpr int kMostSequences = 1024;    // choices of all prompts of a request
inline constexpr std::size_t kMostStops = 4;
inline constexpr std::size_t kMostStopBytes = 1024;
inline constexpr std::size_t kMostSaltBytes = 256;
inline constexpr std::size_t kMostStopIds = 256;

struct GenerationRequest {
  std::string model;          // as the body names it; may be empty
  engine::Sampling sampling;
  engine::Stopping stopping;  // but for max_tokens, which depends on the prompt
  std::optional<std::int64_t> max_tokens;
  std::string max_tokens_key = "max_tokens";  // how the body calls it
  int n = 1;                  // choices of each prompt in the reply
  int best_of = 1;            // that are generated, of which the n likeliest are kept
  int logprobs = -1;          // alternatives per token; −1: no logprobs at all
  bool stream = false;
  bool include_usage = false;  // a last chunk with the usage
  bool skip_special_tokens = true;
  bool add_special_tokens = false;  // around a text that is tokenised
  std::vector<std::string> unread;  // keys of the body that have no effect
  std::string cache_salt;      // only requests of the same salt share what is cached of their prompts
};

// All of it but max_tokens, logprobs and best_of, which the two APIs spell differently.
void ReadGeneration(BodyFields& fields, const GenerationFacts& model, GenerationRequest& request);

// A 400 for a 'min_tokens' above `most`, which a request or its API's default has.
void CheckMinTokens(BodyFields& fields, GenerationRequest& request, std::int64_t most);

// A parameter that would change the reply and is not supported: a 400 that says so, unless it is off.
void RefuseField(BodyFields& fields, const std::string& key, const std::string& why);

// A token id of the model's vocabulary.
std::optional<std::int32_t> TokenIdOf(const nlohmann::json& value, const GenerationFacts& model);

// "key[3]"
std::string Element(const std::string& key, std::size_t index);

}  // namespace berth::completions
