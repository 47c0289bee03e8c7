// Statuses as the JSON that the admin socket answers with. One place for every field name: `berth --json` shows
// these objects unchanged. What is unknown is null, never 0.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "config/plan.h"
#include "supervisor/launch/fleet.h"
#include "supervisor/observe/events.h"
#include "supervisor/placement/ledger.h"
#include "supervisor/placement/placement.h"

namespace berth::admin {

using Json = nlohmann::ordered_json;

Json Render(const launch::ReplicaStatus& status);
Json Render(const launch::ModelStatus& status);
Json Render(const observe::Event& event);
Json Render(const launch::LogLine& line);
Json Render(const config::Model& model);
Json Render(const config::Plan& plan);
Json Render(const placement::Placement& placement);
Json RenderDevices(const config::Plan& plan, const placement::Ledger& ledger);
Json RenderLedger(const config::Plan& plan, const placement::Ledger& ledger);

// Bytes that are no UTF-8 (workers' output) become U+FFFD.
std::string Dump(const Json& json);

}  // namespace berth::admin
