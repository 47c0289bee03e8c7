// The rules about who may share a device, written as they are spoken, and with nothing of the code that keeps them.
#pragma once

#include <string>
#include <vector>

#include "config/plan.h"

namespace berth::sim {

// The first rule that these tenants of one device break, one entry for each replica; "" when they break none.
std::string BrokenRule(const config::Plan& plan, const std::vector<const config::Model*>& tenants);

}  // namespace berth::sim
