// The daemon's answers as text for people. Pure: JSON and a screen in, text out. JSON of another shape than the
// daemon's throws nlohmann's exceptions, which Main() turns into a message.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "supervisor/cli/table.h"

namespace berth::cli {

using Json = nlohmann::ordered_json;

std::string ViewPs(const Json& models, Screen screen);
std::string ViewModels(const Json& models, Screen screen);
std::string ViewDevices(const Json& devices, Screen screen);
std::string ViewLedger(const Json& ledger, Screen screen);
std::string ViewStatus(const Json& status, Screen screen);
// One line each.
std::string ViewEvent(const Json& event, Screen screen);
std::string ViewLogLine(const Json& line, Screen screen);
// "bge: ready, 2 of 2 replicas ready"; of a command that was not waited for: "bge: start accepted, now starting, …".
std::string ViewOutcome(const Json& model, bool settled, Screen screen);

// "12s", "3m", "5h", "2d".
std::string Age(double seconds);

}  // namespace berth::cli
