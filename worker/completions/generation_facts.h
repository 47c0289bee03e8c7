// What the routes of a language model know of it, and check requests against. Values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/generation/generation.h"
#include "worker/serve/model_facts.h"

namespace berth::completions {

struct GenerationFacts : serve::ModelFacts {
  engine::Sampling defaults = {};  // what a request gets that leaves a parameter out
  // Of an answer's length: what one has at most that leaves max_tokens out; 0: what fits (/v1/chat/completions), or
  // OpenAI's 16 (/v1/completions).
  std::int64_t default_max_tokens = 0;
  std::int64_t default_max_length = 0;           // prompt and answer together; 0: the context
  std::int64_t default_min_tokens = 0;
  std::vector<std::string> default_stops = {};   // what ends an answer beside the request's own strings
  std::string fingerprint = {};    // of worker, model and settings: equal ones answer equal seeds alike
};

}  // namespace berth::completions
