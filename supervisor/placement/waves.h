// In which order models load. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/plan.h"

namespace berth::placement {

// One number per model of the plan, in its order: waves load one after another, from 0, without gaps. A kind's
// wave comes after those of the kinds before it in rules.order (kinds that are not listed come last, together),
// and a model's wave is at least one past that of each model it is `after`: a dependency beats the order of
// kinds. The plan has no cycles (config::Parse refuses them).
std::vector<int> Waves(const config::Plan& plan);

}  // namespace berth::placement
