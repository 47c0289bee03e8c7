// What a request for generated text asks of the engine, and what it gets: values that the API makes and reads
// (serve/) and the generator works on (generator.h). Everything that a client may set is already checked here; the
// meaning of each parameter is that of OpenAI's API, and of vLLM's where OpenAI has none. Torch-free.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "supervisor/base/duration.h"
#include "worker/engine/job_end.h"
#include "worker/metering/budget.h"

namespace berth::engine {

// How the next token is drawn from a row of logits. In this order: penalties, logit_bias, temperature, then the
// filters top_k, typical_p, top_p, min_p, then the draw.
struct Sampling {
  double temperature = 1;         // 0: greedy, the lowest id among equals
  int top_k = 0;                  // 0: all
  double top_p = 1;
  double min_p = 0;               // of the best token's probability
  double typical_p = 1;           // Meister et al. 2022
  double repetition_penalty = 1;  // over prompt and output (Keskar et al. 2019)
  double presence_penalty = 0;    // over the output
  double frequency_penalty = 0;
  std::map<std::int32_t, float> logit_bias;
  // The draw of position p of choice c is a function of (seed, c, p) alone; absent: a seed from the system.
  std::optional<std::uint64_t> seed;
};

// When a choice ends.
struct Stopping {
  std::int64_t max_tokens = 16;  // 0: the prompt is computed, and nothing drawn
  std::int64_t min_tokens = 0;   // neither an end token nor a stop counts before
  std::vector<std::string> stop;             // not part of the text
  bool include_stop = false;                 // or part of it
  std::vector<std::int32_t> stop_token_ids;  // besides the model's own end tokens; not part of the text
  bool ignore_eos = false;
};

struct TokenLogprob {
  std::int32_t id = 0;
  float logprob = 0;  // log-softmax of the raw logits, before temperature, penalties and masks
};

// What became known of one choice at once: a token, or its end, or both.
struct Delta {
  std::size_t prompt = 0;  // which of the job's prompts
  int choice = 0;          // which of its choices
  std::string text;        // complete UTF-8; empty while characters or possible stop strings are withheld
  // Tokens that this delta adds, each with its own logprob and the best alternatives, best first, when asked for.
  // Of the prompt, when prompt_logprobs is set: with choice 0 alone, in pieces, before its first generated one.
  struct Token {
    std::int32_t id = 0;
    bool of_prompt = false;
    bool is_end = false;           // an end token: it was sampled, and is not part of the text
    std::optional<float> logprob = {};  // absent: not asked for, or the prompt's first token
    std::vector<TokenLogprob> top = {};
  };
  std::vector<Token> tokens;
  enum class Finish { kNone, kStop, kLength };
  Finish finish = Finish::kNone;
};

// One HTTP request: prompts, each with some choices. The caller fills the first part before Submit().
struct GenerationJob {
  std::vector<std::vector<std::int32_t>> prompts;  // never empty; each 1 … context − 1 ids
  int choices = 1;                                 // of each prompt; they share its KV blocks
  Sampling sampling;
  Stopping stopping;
  int logprobs = -1;              // alternatives per token; −1: no logprobs at all, 0: the token's own
  bool prompt_logprobs = false;   // of the prompts' tokens, too (echo)
  bool skip_special_tokens = true;
  std::string cache_salt;         // only requests of the same salt share prefixes
  std::function<bool()> begin;    // once, on the compute thread, just before the first work; false: claim lost
  // On the compute thread, which must not be held up: for every step in which something became known.
  std::function<void(Delta&&)> deliver;
  std::function<void(JobEnd)> ended;  // exactly once, after the last Delta; on the compute thread or in Submit()

  // Readable after `ended`; `cached_tokens` and `queued` from the first Delta on.
  std::int64_t cached_tokens = 0;  // of the prompts, found in the prefix cache
  Duration queued{};               // from Submit() to the first work
  Duration inference{};            // from there to the end
  std::string error;
  Charge charge;  // for the request's own buffers

  std::atomic<bool> cancelled{false};  // set by Generator::Cancel
};

}  // namespace berth::engine
