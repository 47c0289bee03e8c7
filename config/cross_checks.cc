#include <algorithm>
#include <map>

#include "config/draft.h"
#include "supervisor/base/suggest.h"

namespace berth::config {
namespace {

struct Position {
  int line = 0;
  int column = 0;
};

// What the plan says for a model's key: at the model, or in `defaults`; nullptr when it says nothing.
const Given* Find(const Draft& draft, std::size_t model, std::string_view path) {
  for (const Section* section : {&draft.models[model].given, &draft.defaults}) {
    for (const auto& [key, given] : *section) {
      if (key->path == path) return &given;
    }
  }
  return nullptr;
}

// Where that stands; at the model's name when the plan says nothing.
Position Where(const Draft& draft, std::size_t model, std::string_view path) {
  if (const Given* given = Find(draft, model, path)) return {given->line, given->column};
  return {draft.models[model].line, draft.models[model].column};
}

// What to call it: "models.bge.memory", "defaults.memory".
std::string Label(const Draft& draft, std::size_t model, std::string_view path) {
  if (const Given* given = Find(draft, model, path)) return given->label;
  const std::string name = Shortened(draft.plan.models[model].name);
  return std::string("models.").append(name).append(path.substr(kModels.size()));
}

// The entries of a list of a model, with their positions.
std::vector<Item> Items(const Draft& draft, std::size_t model, std::string_view path) {
  const Given* given = Find(draft, model, path);
  return given != nullptr && given->value ? given->value->items : std::vector<Item>();
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& names) {
  const std::string near = Nearest(word, names);
  return near.empty() ? "" : "; did you mean \"" + near + "\"?";
}

// A name is a part of URLs, of log file names and of labels.
std::string WhatIsWrongWithName(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '/' || c == '-';
  };
  if (name.empty()) return "a name cannot be empty";
  if (name.size() > 128) return "a name has at most 128 letters, this one " + std::to_string(name.size());
  if (!std::ranges::all_of(name, fits)) return "a name has only letters, digits and . _ / -";
  const std::string slashes = std::string("/").append(name).append("/");
  if (slashes.find("//") != std::string::npos || slashes.find("/.") != std::string::npos) {
    return "no part of a name between slashes may be empty or begin with a dot";
  }
  return "";
}

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

std::size_t IndexOf(const Plan& plan, const std::string& name) {
  return static_cast<std::size_t>(std::ranges::find(plan.models, name, &Model::name) - plan.models.begin());
}

void CheckDependency(const Draft& draft, std::size_t model, const Item& item, Complaints& complaints) {
  const Plan& plan = draft.plan;
  const std::string label = Label(draft, model, "models.*.after") + ": ";
  const std::size_t other = IndexOf(plan, item.text);
  if (other < plan.models.size()) {
    if (plan.models[model].start == Start::kBoot && plan.models[other].start == Start::kManual) {
      complaints.Add(item.line, item.column,
                     label + Quoted(item.text) + " is started by hand (start: manual), so a model that starts at "
                                                 "boot would wait for it; give both the same start");
    }
    return;
  }
  if (const Model* aliased = FindModel(plan, item.text)) {
    complaints.Add(item.line, item.column,
                   label + Quoted(item.text) + " is an alias; write the model's name, \"" + aliased->name + "\"");
    return;
  }
  std::vector<std::string> names;
  for (const Model& candidate : plan.models) names.push_back(candidate.name);
  complaints.Add(item.line, item.column, label + "no model " + Quoted(item.text) + DidYouMean(item.text, names));
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
      const std::size_t other = IndexOf(draft_.plan, item.text);
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

// The roomiest device on which the model may be, or nullptr when none of them is known.
template <class Field>
const Device* Roomiest(const Draft& draft, const Model& model, Field field) {
  const Device* best = nullptr;
  for (std::size_t i = 0; i < draft.devices.size(); ++i) {
    const Device& device = draft.plan.devices[i];
    if (!draft.devices[i].readable || std::ranges::find(model.devices, device.name) == model.devices.end()) continue;
    if (device.memory.count == 0 || device.threads == 0) return nullptr;  // its own keys are wrong
    if (best == nullptr || best->*field < device.*field) best = &device;
  }
  return best;
}

void CheckBudgets(const Draft& draft, Complaints& complaints) {
  for (std::size_t i = 0; i < draft.models.size(); ++i) {
    const Model& model = draft.plan.models[i];
    const Device* memory = Roomiest(draft, model, &Device::memory);
    if (memory != nullptr && model.memory > memory->memory) {
      const Position at = Where(draft, i, "models.*.memory");
      complaints.Add(at.line, at.column,
                     Label(draft, i, "models.*.memory") + ": one replica needs " + FormatBytes(model.memory) + ", but " +
                         memory->name + " has " + FormatBytes(memory->memory) + " in all; lower it, or raise devices." +
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

Position WhereServer(const Draft& draft, std::string_view path) {
  for (const auto& [key, given] : draft.server) {
    if (key->path == path) return {given.line, given.column};
  }
  return {};
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
  CheckAfter(draft, complaints);
  CheckBudgets(draft, complaints);
  CheckAdminPath(draft, complaints);
  CheckAdminName(draft, complaints);
  CheckListeners(draft, complaints);
}

}  // namespace berth::config
