// What a plan names in the file system, looked at. Parse() never does: a plan can be read on a machine that does
// not hold the models.
#pragma once

#include <optional>

#include "config/plan.h"
#include "supervisor/base/result.h"

namespace berth::config {

// Why the model's source cannot be used: kNotFound, kPermission, or kInvalid for a folder without a config.json; empty:
// it can be. What a file holds is for the worker to judge.
std::optional<Error> CheckSource(const Model& model);

}  // namespace berth::config
