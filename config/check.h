// What a plan names in the file system, looked at. Parse() never does: a plan can be read on a machine that does
// not hold the models.
#pragma once

#include <vector>

#include "config/plan.h"
#include "supervisor/base/result.h"

namespace berth::config {

// One error per model whose source cannot be used: kNotFound, kPermission, or kInvalid for a folder without a
// config.json. Empty: all can be. What a file holds is for the worker to judge.
std::vector<Error> CheckSources(const Plan& plan);

}  // namespace berth::config
