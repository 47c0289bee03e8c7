// Routes that only the tokenizer computes: the claim, the body's JSON, the answer's text. Torch-free, engine-free.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "worker/serve/api_error.h"
#include "worker/serve/call.h"
#include "worker/serve/service.h"

namespace berth::serve {

// `text` is the body's, `body` the object that was parsed of it. `memory` holds what both take, and what the answer takes
// beyond that is added to it first.
using AnswerText =
    std::function<Parsed<std::string>(const nlohmann::json& body, std::string_view text, engine::Charge& memory)>;

// `service` outlives the route.
Route TextRoute(Service& service, std::string path, AnswerText answer);

}  // namespace berth::serve
