// A plan while it is being checked: its values, and where in the file each of them stands.
#pragma once

#include <vector>

#include "config/section.h"

namespace berth::config {

// A device or a model: what was given for it, and where its name stands.
struct Named {
  Section given;
  int line = 0;
  int column = 0;
  bool stands_in = false;  // a device of Host::hardware
};

struct Draft {
  Plan plan;
  Section server;    // version, server.*, rules.*
  Section defaults;
  std::vector<Named> devices;  // beside plan.devices
  std::vector<Named> models;   // beside plan.models
};

// What no single key can tell: names that clash, references to nothing, cycles, budgets above what a device has,
// socket paths that are too long.
void CheckDraft(const Draft& draft, Complaints& complaints);

}  // namespace berth::config
