// The routes of a model of kind llm.
#pragma once

#include <vector>

#include "worker/completions/generation_route.h"

namespace berth::completions {

// What the model is for comes first. `service` outlives them.
std::vector<serve::Route> GenerationRoutes(GenerationService& service);

}  // namespace berth::completions
