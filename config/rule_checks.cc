// Cross checks of devices, and of the rules about who may be where beside whom: what no placement could keep is wrong
// in the plan already.
#include <algorithm>
#include <map>

#include "config/draft_queries.h"
#include "supervisor/base/suggest.h"

namespace berth::config {
namespace {

// What is wrong with a device as such; "" when nothing is.
std::string WhatIsWrongWithDevice(const Device& device, bool stands_in) {
  if (device.name == "cpu") {
    return device.cuda.empty() ? "" : "the name belongs to the CPU; call the GPU something else, such as gpu0";
  }
  if (device.cuda.empty() && !stands_in) {
    return "is not called cpu, and is no GPU either; give its UUID or index with the key \"cuda\"";
  }
  return WhatIsWrongWithName(device.name);
}

using ModelList = std::vector<std::size_t>;

// The groups of a rule by the models' indices, without what does not exist.
std::vector<ModelList> Groups(const Draft& draft, const std::string& label, Complaints& complaints) {
  std::vector<ModelList> groups;
  const Given* given = FindServer(draft, label);
  if (given == nullptr || !given->value) return groups;
  for (const std::vector<Item>& items : given->value->groups) {
    groups.emplace_back();
    for (const Item& item : items) {
      if (const auto model = ModelNamed(draft, item, label, complaints)) groups.back().push_back(*model);
    }
  }
  return groups;
}

bool MayGo(const Model& model, const Device& device) {
  return std::ranges::find(model.devices, device.name) != model.devices.end();
}

int CommonDevices(const Plan& plan, const ModelList& group) {
  return static_cast<int>(std::ranges::count_if(plan.devices, [&](const Device& device) {
    return std::ranges::all_of(group, [&](std::size_t model) { return MayGo(plan.models[model], device); });
  }));
}

// Why a replica on several devices may not have this one among them; "" when it may.
std::string WhatKeepsFromSharing(const Device& device) {
  if (device.name == "cpu") return "the CPU is one";
  // "MIG-…", or the index of an instance, "0:1".
  const bool mig = device.cuda.starts_with("MIG-") || device.cuda.find(':') != std::string::npos;
  return mig ? "it is a MIG instance, of which a process can use one alone" : "";
}

// Lists of `together` that share a model are one: replica i of all of them has one device.
std::vector<ModelList> Joined(std::vector<ModelList> groups) {
  std::vector<ModelList> joined;
  for (ModelList& group : groups) {
    for (auto other = joined.begin(); other != joined.end();) {
      if (std::ranges::find_first_of(group, *other) == group.end()) {
        ++other;
        continue;
      }
      group.insert(group.end(), other->begin(), other->end());
      other = joined.erase(other);
    }
    std::ranges::sort(group);
    group.erase(std::unique(group.begin(), group.end()), group.end());
    joined.push_back(std::move(group));
  }
  return joined;
}

// Why one device can never hold a replica of each; "" when it can.
std::string WhatKeepsApart(const Plan& plan, const ModelList& group, const std::vector<ModelList>& apart) {
  if (group.empty()) return "";  // none of its models exists, and that has been said
  const auto name = [&](std::size_t model) { return Quoted(plan.models[model].name); };
  std::map<Kind, int> kinds;
  for (const std::size_t model : group) {
    if (plan.models[model].sharing == Sharing::kExclusive) return name(model) + " is exclusive: alone on its device";
    const Kind kind = plan.models[model].kind;
    const auto most = plan.rules.max_per_device.find(kind);
    if (most != plan.rules.max_per_device.end() && ++kinds[kind] > most->second) {
      return "rules.max_per_device." + std::string(Name(kind)) + " is " + std::to_string(most->second);
    }
  }
  for (const ModelList& list : apart) {
    ModelList both;
    std::ranges::copy_if(group, std::back_inserter(both),
                         [&](std::size_t model) { return std::ranges::find(list, model) != list.end(); });
    if (both.size() > 1) return "rules.apart keeps " + name(both[0]) + " and " + name(both[1]) + " apart";
  }
  const Model& first = plan.models[group.front()];
  for (const std::size_t model : group) {
    const int other = plan.models[model].devices_per_replica;
    if (other == first.devices_per_replica) continue;
    return "devices_per_replica of " + name(group.front()) + " is " + std::to_string(first.devices_per_replica) + ", that of " +
           name(model) + " is " + std::to_string(other);
  }
  const int common = CommonDevices(plan, group);
  if (common == 0) return "their `devices` have none in common";
  if (common >= first.devices_per_replica) return "";
  return "their `devices` have " + std::to_string(common) + " in common, and devices_per_replica is " +
         std::to_string(first.devices_per_replica);
}

}  // namespace

void CheckDevicesThemselves(const Draft& draft, Complaints& complaints) {
  std::map<std::string, std::string> taken;
  for (std::size_t i = 0; i < draft.devices.size(); ++i) {
    const Named& at = draft.devices[i];
    const Device& device = draft.plan.devices[i];
    const std::string label = "devices." + Shortened(device.name) + ": ";
    const std::string wrong = WhatIsWrongWithDevice(device, at.stands_in);
    if (!wrong.empty()) complaints.Add(at.line, at.column, label + wrong);
    if (device.memory.count > 0 && device.reserve >= device.memory) {
      complaints.Add(at.line, at.column, label + "reserve is " + FormatBytes(device.reserve) + " of " +
                                             FormatBytes(device.memory) + ", which leaves nothing; lower it");
    }
    if (device.cuda.empty()) continue;
    const auto [other, fresh] = taken.emplace(device.cuda, device.name);
    if (!fresh) complaints.Add(at.line, at.column, label + device.cuda + " is the device " + Quoted(other->second) + " already");
  }
}

void CheckDevicesPerReplica(const Draft& draft, Complaints& complaints) {
  constexpr std::string_view kKey = "models.*.devices_per_replica";
  for (std::size_t i = 0; i < draft.models.size(); ++i) {
    const Model& model = draft.plan.models[i];
    if (model.devices_per_replica <= 1) continue;
    const std::string begin = Label(draft, i, kKey) + ": each replica is on " + std::to_string(model.devices_per_replica) + " devices, but ";
    const Position at = Where(draft, i, kKey);
    std::string wrong;
    for (const Device& device : draft.plan.devices) {
      const std::string keeps = MayGo(model, device) ? WhatKeepsFromSharing(device) : "";
      if (!keeps.empty()) wrong = Quoted(device.name) + " is among those where it may go, and " + keeps + "; take it out of `devices`, or lower this to 1";
    }
    const int may_go = CommonDevices(draft.plan, {i});
    if (wrong.empty() && may_go < model.devices_per_replica) {
      wrong = "it may go to " + std::to_string(may_go) + " only; name more in `devices`, or lower this";
    }
    if (!wrong.empty()) complaints.Add(at.line, at.column, begin + wrong);
  }
}

void CheckRules(const Draft& draft, Complaints& complaints) {
  const std::vector<ModelList> apart = Groups(draft, "rules.apart", complaints);
  const Position at = WhereServer(draft, "rules.together");
  for (const ModelList& group : Joined(Groups(draft, "rules.together", complaints))) {
    const std::string wrong = WhatKeepsApart(draft.plan, group, apart);
    if (wrong.empty() || group.size() < 2) continue;
    std::string names;
    for (const std::size_t model : group) names += (names.empty() ? "" : ", ") + draft.plan.models[model].name;
    complaints.Add(at.line, at.column, "rules.together: no device can hold " + names + ": " + wrong);
  }
}

}  // namespace berth::config
