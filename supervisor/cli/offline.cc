#include "supervisor/cli/offline.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "config/parse.h"
#include "supervisor/base/exit_code.h"
#include "supervisor/cli/gpu_sizes.h"
#include "supervisor/placement/estimate.h"
#include "supervisor/placement/placement.h"

namespace berth::cli {
namespace {

using Json = nlohmann::ordered_json;
using placement::Assignment;
using placement::Placement;
using placement::Refusal;

// All that is known about a plan file.
struct Report {
  std::filesystem::path file;
  config::Plan plan;
  config::Mistakes mistakes;
  std::vector<Refusal> refusals;
  Placement placement;
  placement::Estimates estimates;
  std::vector<std::string> unknown;  // what this machine could not tell

  Exit exit() const {
    if (!mistakes.list.empty()) return Exit::kBadPlan;
    return refusals.empty() ? Exit::kOk : Exit::kFailed;
  }
};

using Hardware = std::vector<std::pair<std::string, Bytes>>;

bool HasAllBudgets(const config::Plan& plan) {
  return std::ranges::none_of(plan.models, [](const config::Model& model) { return model.memory.count == 0; });
}

Report Examine(const std::filesystem::path& file, const Hardware& hardware, placement::Sources sources) {
  Report report{file, {}, {file.string(), {}}, {}, {}, {}, {}};
  config::Host host = config::ThisHost();
  host.hardware = hardware;
  auto parsed = config::ParseFile(file, host);
  if (auto* mistakes = std::get_if<config::Mistakes>(&parsed)) {
    report.mistakes = std::move(*mistakes);
    return report;
  }
  report.plan = std::get<config::Plan>(std::move(parsed));
  report.unknown = AskGpuSizes(report.plan);
  placement::LookedAt seen = placement::LookAtSources(report.plan, sources);
  report.estimates = std::move(seen.estimates);
  for (Error& error : seen.errors) report.mistakes.list.push_back({0, 0, std::move(error.message)});
  if (!HasAllBudgets(report.plan)) return report;
  auto placed = placement::Place(report.plan);
  if (auto* refusals = std::get_if<std::vector<Refusal>>(&placed)) {
    report.refusals = std::move(*refusals);
  } else {
    report.placement = std::get<Placement>(std::move(placed));
  }
  return report;
}

std::vector<std::string> Warnings(const Report& report) {
  std::vector<std::string> warnings = placement::BudgetWarnings(report.plan, report.estimates);
  warnings.insert(warnings.begin(), report.unknown.begin(), report.unknown.end());
  return warnings;
}

Json Verdict(const Report& report) {
  Json mistakes = Json::array();
  for (const config::Mistake& mistake : report.mistakes.list) {
    mistakes.push_back({{"line", mistake.line}, {"column", mistake.column}, {"message", mistake.message}});
  }
  Json refusals = Json::array();
  for (const Refusal& refusal : report.refusals) {
    refusals.push_back({{"model", refusal.model}, {"replica", refusal.replica}, {"message", refusal.message}});
  }
  return {{"ok", report.exit() == Exit::kOk},
          {"file", report.file.string()},
          {"mistakes", std::move(mistakes)},
          {"refusals", std::move(refusals)},
          {"warnings", Warnings(report)}};
}

Json Assignments(const Report& report) {
  Json list = Json::array();
  for (const Assignment& assignment : report.placement.assignments) {
    list.push_back({{"model", assignment.model},
                    {"replica", assignment.replica},
                    {"devices", assignment.devices},
                    {"memory_bytes", assignment.memory.count},
                    {"threads", assignment.threads},
                    {"wave", assignment.wave},
                    {"start", config::Name(config::FindModel(report.plan, assignment.model)->start)}});
  }
  return list;
}

Json Devices(const Report& report, placement::BootSums& sums) {
  Json list = Json::array();
  for (const config::Device& device : report.plan.devices) {
    list.push_back({{"name", device.name},
                    {"memory_bytes", device.capacity().count},
                    {"reserved_bytes", sums.devices[device.name].reserved.count},
                    {"threads", device.threads}});
  }
  return list;
}

Json Weights(const placement::BootSums& sums) {
  Json list = Json::array();
  for (const placement::SharedWeights& shared : sums.weights) {
    list.push_back({{"device", shared.device}, {"models", shared.models}, {"bytes", shared.bytes.count}});
  }
  return list;
}

void PrintJson(const Json& json) {
  // A name in the plan may hold bytes that are no UTF-8; they must not end the command.
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace);
  std::printf("%s\n", text.c_str());
}

void PrintWarnings(const Report& report) {
  for (const std::string& warning : Warnings(report)) {
    std::fprintf(stderr, "%s: warning: %s\n", report.file.c_str(), warning.c_str());
  }
}

void PrintWrong(const Report& report) {
  std::string text = config::Format(report.mistakes);
  for (const Refusal& refusal : report.refusals) text += report.file.string() + ": " + refusal.message + "\n";
  std::fputs(text.c_str(), stderr);
}


// "berth.yaml: 2 models, 3 replicas: good"
std::string Summary(const Report& report) {
  const auto counted = [](std::size_t count, const char* thing) {
    return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
  };
  return report.file.string() + ": the plan is good: " + counted(report.plan.models.size(), "model") + ", " +
         counted(report.placement.assignments.size(), "replica");
}

}  // namespace

int Validate(const std::filesystem::path& plan, bool json) {
  const Report report = Examine(plan, {}, placement::Sources::kAll);
  if (json) {
    PrintJson(Verdict(report));
    return Code(report.exit());
  }
  PrintWarnings(report);
  if (report.exit() == Exit::kOk) {
    std::printf("%s\n", Summary(report).c_str());
  } else {
    PrintWrong(report);
  }
  return Code(report.exit());
}

int PlanCommand(const std::filesystem::path& plan, const Hardware& hardware, bool json) {
  const Report report = Examine(plan, hardware, placement::Sources::kNeeded);
  if (json) {
    Json verdict = Verdict(report);
    verdict["assignments"] = Assignments(report);
    placement::BootSums sums = SumAtBoot(report.plan, report.placement);
    verdict["devices"] = Devices(report, sums);
    verdict["weights"] = Weights(sums);
    verdict["estimates"] = placement::ToJson(report.plan, report.estimates);
    PrintJson(verdict);
    return Code(report.exit());
  }
  PrintWarnings(report);
  if (report.exit() == Exit::kOk) {
    std::fputs(placement::Format(report.plan, report.placement, report.estimates).c_str(), stdout);
  } else {
    PrintWrong(report);
  }
  return Code(report.exit());
}

}  // namespace berth::cli
