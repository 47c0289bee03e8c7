// What is done to a request's messages before a template sees them. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "supervisor/base/result.h"

namespace berth::chat {

struct TemplateHabits {
  bool loops_over_content = false;    // takes contents apart itself
  bool speaks_of_developers = false;  // knows the role
};

// Calls' `arguments` that are the text of an object become that object; absent or null content becomes ""; a content of
// text parts becomes their texts with a newline between two, unless the template loops over contents; role `developer`
// becomes `system`, unless the template speaks of it. Errors, kInvalid, name the message: not an object, no role, parts
// other than text where the template takes none.
Result<nlohmann::ordered_json> PrepareMessages(const nlohmann::ordered_json& messages, const TemplateHabits& habits);

}  // namespace berth::chat
