#include <algorithm>
#include <functional>
#include <map>

#include "config/draft_queries.h"
#include "supervisor/base/suggest.h"

namespace berth::config {
namespace {

void CheckNames(const Draft& draft, Complaints& complaints) {
  for (std::size_t i = 0; i < draft.models.size(); ++i) {
    const Named& at = draft.models[i];
    const std::string& name = draft.plan.models[i].name;
    const std::string wrong = WhatIsWrongWithName(name);
    if (!wrong.empty()) complaints.Add(at.line, at.column, "model " + Quoted(name) + ": " + wrong);
  }
}

void CheckAliases(const Draft& draft, Complaints& complaints) {
  std::map<std::string, std::string> taken;  // by whom
  for (const Model& model : draft.plan.models) taken.emplace(model.name, "the name of a model");
  for (std::size_t i = 0; i < draft.models.size(); ++i) {
    const std::string label = Label(draft, i, "models.*.aliases");
    for (const Item& alias : Items(draft, i, "models.*.aliases")) {
      const std::string wrong = WhatIsWrongWithName(alias.text);
      if (!wrong.empty()) complaints.Add(alias.line, alias.column, label + ": " + Quoted(alias.text) + ": " + wrong);
      const auto [other, fresh] =
          taken.emplace(alias.text, "an alias of the model " + Quoted(draft.plan.models[i].name));
      if (!fresh) {
        complaints.Add(alias.line, alias.column,
                       label + ": " + Quoted(alias.text) + " is already " + other->second);
      }
    }
  }
}

void CheckDevices(const Draft& draft, Complaints& complaints) {
  std::vector<std::string> names;
  for (const Device& device : draft.plan.devices) names.push_back(device.name);
  for (std::size_t i = 0; i < draft.models.size(); ++i) {
    for (const Item& item : Items(draft, i, "models.*.devices")) {
      if (std::ranges::find(names, item.text) != names.end()) continue;
      std::string known;
      for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
      complaints.Add(item.line, item.column,
                     Label(draft, i, "models.*.devices") + ": unknown device " + Quoted(item.text) +
                         "; the plan has: " + known);
    }
    if (draft.plan.models[i].devices.empty()) {
      const Position at = Where(draft, i, "models.*.devices");
      complaints.Add(at.line, at.column,
                     Label(draft, i, "models.*.devices") + ": an empty list leaves the model nowhere to go; remove the key "
                                                  "to allow every device");
    }
  }
}

// A key that only one kind has, at a model of another; in `defaults` it is for those that have it.
void CheckKinds(const Draft& draft, Complaints& complaints) {
  for (std::size_t i = 0; i < draft.models.size(); ++i) {
    const std::string_view kind = Name(draft.plan.models[i].kind);
    for (const auto& [key, given] : draft.models[i].given) {
      if (key->only.empty() || key->only == kind) continue;
      complaints.Add(given.line, given.column,
                     given.label + ": only models of kind " + std::string(key->only) + " have it, and this one is of kind " +
                         std::string(kind) + "; remove the key");
    }
  }
}

void CheckDtypes(const Draft& draft, Complaints& complaints) {
  for (std::size_t i = 0; i < draft.models.size(); ++i) {
    const Model& model = draft.plan.models[i];
    const bool on_cpu = std::ranges::find(model.devices, "cpu") != model.devices.end();
    if (model.kind != Kind::kLlm || model.llm.dtype != Dtype::kFloat16 || !on_cpu) continue;
    const Position at = Where(draft, i, "models.*.dtype");
    complaints.Add(at.line, at.column,
                   Label(draft, i, "models.*.dtype") + ": there is no float16 arithmetic on the CPU; write auto, which widens "
                                              "float16 weights to float32, or float32, or bfloat16");
  }
}

void CheckDependency(const Draft& draft, std::size_t model, const Item& item, Complaints& complaints) {
  const Plan& plan = draft.plan;
  const std::string label = Label(draft, model, "models.*.after");
  const auto other = ModelNamed(draft, item, label, complaints);
  if (!other) return;
  const Start own = plan.models[model].start, its = plan.models[*other].start;
  if (own == Start::kManual || its <= own) return;  // what starts earlier, or with it
  complaints.Add(item.line, item.column,
                 label + ": " + Quoted(item.text) + " does not start before it by itself (start: " +
                     std::string(Name(its)) + "), so it would wait; give both the same start");
}

// Follows `after` from model to model; a model met again while it is still open closes a cycle.
class CycleSearch {
 public:
  CycleSearch(const Draft& draft, Complaints& complaints)
      : draft_(draft), complaints_(complaints), state_(draft.models.size(), State::kNew) {}

  void Run() {
    for (std::size_t i = 0; i < state_.size(); ++i) {
      if (state_[i] == State::kNew) Visit(i);
    }
  }

 private:
  enum class State { kNew, kOpen, kDone };
  struct Step {
    std::size_t model;
    std::vector<Item> after;
    std::size_t next = 0;
  };

  // With a stack of its own: a plan may chain thousands of models.
  void Visit(std::size_t start) {
    Open(start);
    while (!path_.empty()) {
      Step& step = path_.back();
      if (step.next == step.after.size()) {
        state_[step.model] = State::kDone;
        path_.pop_back();
        continue;
      }
      const Item& item = step.after[step.next++];
      const auto found = std::ranges::find(draft_.plan.models, item.text, &Model::name);
      const auto other = static_cast<std::size_t>(found - draft_.plan.models.begin());
      if (other >= state_.size()) continue;
      if (state_[other] == State::kOpen) Report(other, item);
      if (state_[other] == State::kNew) Open(other);
    }
  }

  void Open(std::size_t model) {
    state_[model] = State::kOpen;
    path_.push_back({model, Items(draft_, model, "models.*.after")});
  }

  void Report(std::size_t first, const Item& item) {
    const auto start = std::ranges::find(path_, first, &Step::model);
    std::string cycle;
    for (auto step = start; step != path_.end(); ++step) cycle += draft_.plan.models[step->model].name + " -> ";
    complaints_.Add(item.line, item.column,
                    Label(draft_, path_.back().model, "models.*.after") + ": models wait for each other: " + cycle +
                        draft_.plan.models[first].name);
  }

  const Draft& draft_;
  Complaints& complaints_;
  std::vector<State> state_;
  std::vector<Step> path_;
};

void CheckAfter(const Draft& draft, Complaints& complaints) {
  for (std::size_t i = 0; i < draft.models.size(); ++i) {
    for (const Item& item : Items(draft, i, "models.*.after")) CheckDependency(draft, i, item, complaints);
  }
  CycleSearch(draft, complaints).Run();
}

// The roomiest device on which the model may be; of a model on several the last that it gets, at best. nullptr when one
// of them is not known, or there are too few.
template <class Field>
const Device* Roomiest(const Draft& draft, const Model& model, Field field) {
  std::vector<const Device*> devices;
  for (const Device& device : draft.plan.devices) {
    if (std::ranges::find(model.devices, device.name) == model.devices.end()) continue;
    if (device.capacity().count == 0 || device.threads == 0) return nullptr;  // its own keys are wrong, or all that it has
    devices.push_back(&device);
  }
  const auto nth = static_cast<std::size_t>(std::max(model.devices_per_replica, 1)) - 1;
  if (nth >= devices.size()) return nullptr;
  std::ranges::stable_sort(devices, std::greater<>(), [&](const Device* device) { return std::invoke(field, *device); });
  return devices[nth];
}

void CheckBudgets(const Draft& draft, Complaints& complaints) {
  for (std::size_t i = 0; i < draft.models.size(); ++i) {
    const Model& model = draft.plan.models[i];
    const Device* memory = Roomiest(draft, model, &Device::capacity);
    if (memory != nullptr && model.memory > memory->capacity()) {
      const Position at = Where(draft, i, "models.*.memory");
      complaints.Add(at.line, at.column,
                     Label(draft, i, "models.*.memory") + ": one replica needs " + FormatBytes(model.memory) + ", but " +
                         memory->name + " has " + FormatBytes(memory->capacity()) + " in all; lower it, or raise devices." +
                         memory->name + ".memory");
    }
    const Device* threads = Roomiest(draft, model, &Device::threads);
    if (threads != nullptr && model.threads > threads->threads) {
      const Position at = Where(draft, i, "models.*.threads");
      complaints.Add(at.line, at.column,
                     Label(draft, i, "models.*.threads") + ": one replica asks for " + std::to_string(model.threads) +
                         " threads, but " + threads->name + " has " + std::to_string(threads->threads) +
                         "; lower it, or raise devices." + threads->name + ".threads");
    }
  }
}

void CheckAdminPath(const Draft& draft, Complaints& complaints) {
  constexpr std::size_t kLongest = 107;  // sockaddr_un.sun_path, less the NUL
  const std::filesystem::path& admin = draft.plan.server.admin;
  // Workers' sockets are numbered through: room for the hundred-thousandth, after weeks of restarts.
  const std::size_t needed =
      std::max(admin.native().size(), (admin.parent_path() / "NNNNN.sock").native().size());
  if (needed <= kLongest) return;
  const Position at = WhereServer(draft, "server.admin");
  complaints.Add(at.line, at.column,
                 "server.admin: socket paths have at most " + std::to_string(kLongest) + " bytes; " +
                     Quoted(admin.native()) + ", or the workers' sockets beside it, would need " +
                     std::to_string(needed) + "; choose a shorter folder");
}

// The lock, the folder of the logs and the workers' sockets are beside the admin socket.
void CheckAdminName(const Draft& draft, Complaints& complaints) {
  const std::string name = draft.plan.server.admin.filename();
  const std::string stem = draft.plan.server.admin.stem();
  const bool workers = name.ends_with(".sock") && std::ranges::all_of(stem, [](char c) { return c >= '0' && c <= '9'; });
  if (!name.empty() && name != "lock" && name != "logs" && !workers) return;
  const Position at = WhereServer(draft, "server.admin");
  const std::string wrong = name.empty() ? "this names a folder" : "the daemon uses " + Quoted(name) + " for something else";
  complaints.Add(at.line, at.column, "server.admin: " + wrong + "; name a socket in the folder, such as admin.sock");
}

void CheckListeners(const Draft& draft, Complaints& complaints) {
  const Server& server = draft.plan.server;
  if (!server.metrics || server.metrics->port == 0) return;
  if (server.metrics->host != server.listen.host || server.metrics->port != server.listen.port) return;
  const Position at = WhereServer(draft, "server.metrics");
  complaints.Add(at.line, at.column,
                 "server.metrics: " + Format(*server.metrics) +
                     " is server.listen already; remove the key, or choose another port");
}

}  // namespace

void CheckDraft(const Draft& draft, Complaints& complaints) {
  CheckNames(draft, complaints);
  CheckAliases(draft, complaints);
  CheckDevices(draft, complaints);
  CheckKinds(draft, complaints);
  CheckDtypes(draft, complaints);
  CheckAfter(draft, complaints);
  CheckDevicesThemselves(draft, complaints);
  CheckDevicesPerReplica(draft, complaints);
  CheckBudgets(draft, complaints);
  CheckRules(draft, complaints);
  CheckAdminPath(draft, complaints);
  CheckAdminName(draft, complaints);
  CheckListeners(draft, complaints);
}

}  // namespace berth::config
