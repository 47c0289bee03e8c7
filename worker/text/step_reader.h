// A stage of tokenizer.json is one step, {"type": …}, or {"type": "Sequence", …} of steps, nested at will:
// this reads either, so that a stage's own parser sees nothing but single steps. Pure.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"
#include "worker/checkpoint/json_fields.h"

namespace berth::text {

// Takes one step of the given type. Its errors are the Status, or what it makes of `fields`.
using StepFunction = std::function<Status(const std::string& type, checkpoint::JsonFields& fields)>;

// Calls `add` for each step in order. `list_key` holds a Sequence's steps: "normalizers". Errors begin with
// the place: a missing type, more than 32 steps, what `add` says.
Status ReadSteps(const nlohmann::json& value, const std::string& where, std::string_view list_key,
                 const StepFunction& add);

}  // namespace berth::text
