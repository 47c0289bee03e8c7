// The time series of models and devices, as sums over replicas. Owned by the fleet, control thread only.
#pragma once

#include <string>
#include <vector>

#include "config/plan.h"
#include "supervisor/launch/model_summary.h"
#include "supervisor/observe/metrics.h"
#include "supervisor/placement/ledger.h"

namespace berth::launch {

void ReportModel(observe::Metrics& metrics, const std::string& model, const std::vector<ReplicaSummary>& replicas);
// The ledger's reservations of every model of the plan on every device where it may be.
void ReportLedger(observe::Metrics& metrics, const config::Plan& plan, const placement::Ledger& ledger);

}  // namespace berth::launch
