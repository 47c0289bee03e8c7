// Walks one section of the document by the table of keys: which keys were given and what they say; and fills the
// plan's values from what was given, from `defaults` and from the table's presets.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/keys.h"
#include "config/value.h"

namespace berth::config {

// A key that the plan spells out. No value: it is wrong, and that has been said.
struct Given {
  std::optional<Value> value;
  int line = 0;
  int column = 0;
  std::string label;  // "models.bge.memory", or "defaults.memory"
};
using Section = std::map<const Key*, Given>;

// Reads every key of `map` and below. `pattern` is its path in the table ("server", "models.*", "" for the top),
// `label` its path in the plan ("models.bge"). Unknown keys, and keys given twice, are complaints.
void ReadSection(const Node& map, const std::string& pattern, const std::string& label, Section& section,
                 Reading& reading);

// Stores a value for every key of `pattern`: the given one, else that of `defaults`, else the preset. A required
// key without any is a complaint at line:column.
struct Filling {
  const Section& given;
  const Section& defaults;
  std::string label;
  int line = 0;
  int column = 0;
};
void Fill(std::string_view pattern, const Filling& filling, Target target, Complaints& complaints);

// Adds a complaint for each key of `map` that stands there a second time.
void RefuseRepetitions(const Node& map, const std::string& label, Complaints& complaints);
// Says that `node`'s key is not one of this section, and which one may be meant.
void RefuseUnknown(const Node& node, const std::string& pattern, const std::string& label, Complaints& complaints);

}  // namespace berth::config
