// One node of the document, read as the type of its key: units, bounds and choices checked.
#pragma once

#include <optional>
#include <string>

#include "config/complaints.h"
#include "config/document.h"
#include "config/keys.h"

namespace berth::config {

struct Reading {
  const Host& host;                // its getenv expands ${VAR}
  std::filesystem::path folder;    // relative paths are resolved against it
  Complaints& complaints;
};

// `label` names the key in messages: "models.bge.memory". Nothing when the node is wrong; what is wrong has then
// been added to the complaints.
std::optional<Value> ReadValue(const Key& key, const Node& node, const std::string& label, Reading& reading);

// The key's default. The key must have a preset.
Value PresetOf(const Key& key);

}  // namespace berth::config
