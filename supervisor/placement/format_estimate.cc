#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "supervisor/placement/estimate.h"
#include "supervisor/placement/table.h"

namespace berth::placement {
namespace {

// What a table of these has: a part that only some kinds have is left out where nobody has it.
std::vector<EstimatePart> PartsOf(const Estimates& estimates) {
  std::vector<EstimatePart> parts;
  for (const EstimatePart& part : EstimateParts()) {
    const bool any = std::ranges::any_of(estimates, [&](const auto& one) { return (one.second.*part.bytes).count > 0; });
    if (any || !part.only_if_any) parts.push_back(part);
  }
  return parts;
}

}  // namespace

std::string Format(const Estimate& estimate) {
  std::vector<Row> rows{{"PART", "MEMORY", ""}};
  for (const EstimatePart& part : PartsOf({{"", estimate}})) {
    const Bytes bytes = estimate.*part.bytes;
    rows.push_back({std::string(part.title), FormatBytes(bytes),
                    std::string(part.sentence) + (part.adds ? "" : "; not in the sum")});
  }
  rows.push_back({"sum", FormatBytes(estimate.total()), "private bytes of one replica"});
  rows.push_back({"memory", FormatBytes(estimate.memory()), "what a plan without `memory` gives it"});
  return Table(rows, {false, true, false});
}

namespace {

// "WEIGHTS MAPPED"
std::string Title(const EstimatePart& part) {
  std::string title(part.name);
  std::ranges::transform(title, title.begin(),
                         [](char c) { return c == '_' ? ' ' : static_cast<char>(std::toupper(c)); });
  return title;
}

bool IsLlm(const std::pair<const std::string, Estimate>& one) { return one.second.context > 0; }

Row ModelRow(const config::Model& model, const Estimate& estimate, std::span<const EstimatePart> parts, bool contexts) {
  Row row{model.name};
  for (const EstimatePart& part : parts) row.push_back(FormatBytes(estimate.*part.bytes));
  row.push_back(FormatBytes(estimate.total()));
  if (contexts) row.push_back(estimate.context == 0 ? "" : std::to_string(estimate.ContextWithin(model.memory)));
  row.push_back(FormatBytes(model.memory) + (model.memory_estimated ? " (the estimate)" : ""));
  return row;
}

}  // namespace

std::string Format(const config::Plan& plan, const Placement& placement, const Estimates& estimates) {
  const std::vector<EstimatePart> parts = PartsOf(estimates);
  std::vector<Row> rows{{"MODEL"}};
  for (const EstimatePart& part : parts) rows[0].push_back(Title(part));
  const bool contexts = std::ranges::any_of(estimates, IsLlm);
  rows[0].push_back("ESTIMATE");
  if (contexts) rows[0].push_back("CONTEXT");
  rows[0].push_back("BUDGET");
  for (const config::Model& model : plan.models) {
    const auto found = estimates.find(model.name);
    if (found != estimates.end()) rows.push_back(ModelRow(model, found->second, parts, contexts));
  }
  const std::string text = Format(plan, placement);
  if (rows.size() == 1) return text;
  std::vector<bool> right(rows[0].size(), true);
  right.front() = right.back() = false;
  return text + "\n" + Table(rows, right);
}

nlohmann::ordered_json ToJson(const Estimate& estimate) {
  auto parts = nlohmann::ordered_json::array();
  for (const EstimatePart& part : EstimateParts()) {
    parts.push_back({{"name", part.name}, {"bytes", (estimate.*part.bytes).count}, {"adds", part.adds}});
  }
  return {{"parts", std::move(parts)},
          {"estimate_bytes", estimate.total().count},
          {"memory_bytes", estimate.memory().count}};
}

nlohmann::ordered_json ToJson(const config::Plan& plan, const Estimates& estimates) {
  auto list = nlohmann::ordered_json::array();
  for (const config::Model& model : plan.models) {
    const auto found = estimates.find(model.name);
    if (found == estimates.end()) continue;
    nlohmann::ordered_json one{{"model", model.name}};
    one.update(ToJson(found->second));
    one["memory_bytes"] = model.memory.count;
    one["memory_estimated"] = model.memory_estimated;
    if (IsLlm(*found)) one["context"] = found->second.ContextWithin(model.memory);
    list.push_back(std::move(one));
  }
  return list;
}

}  // namespace berth::placement
