// What the routes of a language model know of it, and check requests against. Values.
#pragma once

#include <string>

#include "worker/generation/generation.h"
#include "worker/serve/model_facts.h"

namespace berth::completions {

struct GenerationFacts : serve::ModelFacts {
  engine::Sampling defaults = {};  // what a request gets that leaves a parameter out
  std::string fingerprint = {};    // of worker, model and settings: equal ones answer equal seeds alike
};

}  // namespace berth::completions
