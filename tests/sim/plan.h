// Random plans that the placement accepts.
#pragma once

#include "config/plan.h"
#include "supervisor/placement/placement.h"
#include "tests/sim/random.h"

namespace berth::sim {

struct LegalPlan {
  config::Plan plan;
  placement::Placement placement;
};

// One to four devices, one to six models with one to three replicas each, in any order, with dependencies
// and every kind of limit from hasty to patient. Models that fit nowhere are taken out again.
LegalPlan RandomPlan(Random& random);

}  // namespace berth::sim
