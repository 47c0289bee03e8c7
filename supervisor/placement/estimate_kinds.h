// How each kind of model is estimated, and what they share. Inside the folder; others call EstimateReplica() of estimate.h.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "supervisor/placement/estimate.h"

namespace berth::placement {

// Errors: what reading the model's files says, naming file and tensor; a value of the plan that no worker takes.
Result<Estimate> EstimateEncoder(const EstimateInput& input);
Result<Estimate> EstimateDecoder(const EstimateInput& input);
Result<Estimate> EstimateWhisper(const EstimateInput& input);

// Of berth-worker itself, with so many compute threads; every kind links libtorch.
Bytes Runtime(int threads);

// A text that is the same for the same files, whichever links lead there.
std::string NameOf(const std::vector<std::filesystem::path>& files);

}  // namespace berth::placement
