// Plans: every mistake is a short line at a place in the file; what is accepted is placed within its budgets, can be
// shown, and means the same when it is written out key by key and read again.
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "config/parse.h"
#include "supervisor/admin/render.h"
#include "supervisor/placement/placement.h"
#include "tests/fuzz/fuzz.h"

namespace berth::fuzz {
namespace {

using config::Plan;

config::Host FakeHost() {
  const auto getenv = [](const std::string& name) -> std::optional<std::string> {
    if (name == "HOME") return "/home/ana";
    if (name == "PORT") return "9000";
    if (name == "EMPTY") return "";
    return std::nullopt;
  };
  return {GiB(16), 8, "/run/berth", getenv};
}

void CheckMistakes(const config::Mistakes& mistakes, std::string_view text) {
  Require(!mistakes.list.empty(), "a plan is not refused for nothing");
  Require(mistakes.list.size() <= 101, "mistakes are bounded");
  const auto lines = std::ranges::count(text, '\n') + std::ranges::count(text, '\r') + 2;
  for (const config::Mistake& mistake : mistakes.list) {
    RequireReadable(mistake.message, kMostMessageBytes);
    Require(mistake.line >= 0 && mistake.line <= lines, "a mistake is in the file", mistake.message);
  }
  const std::string shown = config::Format(mistakes);
  Require(std::ranges::count(shown, '\n') == static_cast<std::ptrdiff_t>(mistakes.list.size()), "a line per mistake");
}

// --- a plan as YAML, exactly ---

// Byte by byte: a path need not be UTF-8.
std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "${") == 0) quoted += '$';  // else it would be a variable
    if (text[i] == '"' || text[i] == '\\') quoted += '\\';
    const bool control = static_cast<unsigned char>(text[i]) < 0x20 || text[i] == 0x7f;
    char escape[8];
    std::snprintf(escape, sizeof escape, "\\x%02x", static_cast<unsigned char>(text[i]));
    quoted += control ? std::string(escape) : std::string(1, text[i]);
  }
  return quoted + "\"";
}
std::string Text(Bytes bytes) { return std::to_string(bytes.count) + "B"; }
std::string Text(Duration time) { return std::to_string(time.count()) + "us"; }
std::string Text(int number) { return std::to_string(number); }
std::string Text(bool flag) { return flag ? "true" : "false"; }
std::string Text(const std::filesystem::path& path) { return Quoted(path.string()); }
template <class List, class Spell>
std::string Listed(const List& list, Spell spell) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + std::string(spell(item));
  return "[" + text + "]";
}

std::string Write(const config::Server& server) {
  std::string text = "server:\n  listen: " + Quoted(Format(server.listen));
  if (server.metrics) text += "\n  metrics: " + Quoted(Format(*server.metrics));
  text += "\n  admin: " + Text(server.admin) + "\n  threads: " + Text(server.threads);
  text += "\n  logs:\n    max_size: " + Text(server.logs.max_size) + "\n    keep: " + Text(server.logs.keep);
  if (!server.logs.dir.empty()) text += "\n    dir: " + Text(server.logs.dir);
  text += "\n  max_body: " + Text(server.max_body) + "\n  max_upload: " + Text(server.max_upload) + "\n  header_timeout: " + Text(server.header_timeout);
  text += "\n  body_timeout: " + Text(server.body_timeout) + "\n  idle_timeout: " + Text(server.idle_timeout);
  return text + "\n  max_connections: " + Text(server.max_connections) + "\n  drain: " + Text(server.drain) + "\n";
}

std::string Write(const config::Model& m) {
  std::string text = "  " + Quoted(m.name) + ":\n    kind: " + std::string(Name(m.kind));
  text += "\n    source: " + Text(m.source) + "\n    aliases: " + Listed(m.aliases, Quoted);
  text += "\n    devices: " + Listed(m.devices, Quoted);
  text += "\n    devices_per_replica: " + Text(m.devices_per_replica);
  if (m.memory.count > 0) text += "\n    memory: " + Text(m.memory);
  text += "\n    threads: " + Text(m.threads) + "\n    replicas: " + Text(m.replicas);
  text += "\n    balance: " + std::string(Name(m.balance)) + "\n    after: " + Listed(m.after, Quoted);
  text += "\n    start: " + std::string(Name(m.start)) + "\n    required: " + Text(m.required);
  text += "\n    sharing: " + std::string(Name(m.sharing)) + "\n    spread: " + std::string(Name(m.spread));
  text += "\n    priority: " + Text(m.priority);
  // Keys of one kind; from `defaults`, other kinds have them and ignore them.
  if (m.kind == config::Kind::kEmbedding) text += "\n    matryoshka: " + Text(m.matryoshka);
  text += "\n    batching: {max_tokens: " + Text(m.batching.max_tokens);
  if (m.kind == config::Kind::kEmbedding) text += ", max_delay: " + Text(m.batching.max_delay);
  text += "}\n    queue: {max: " + Text(m.queue.max) + ", timeout: " + Text(m.queue.timeout);
  text += "}\n    load: {stall: " + Text(m.load_stall) + "}\n    health: {stall: " + Text(m.health_stall);
  text += "}\n    stop: {grace: " + Text(m.stop_grace) + "}\n    restart:\n      backoff: [";
  text += Text(m.restart.backoff_min) + ", " + Text(m.restart.backoff_max) + "]\n      give_up: ";
  return text + Text(m.restart.give_up_count) + " in " + Text(m.restart.give_up_window) + "\n";
}

std::string Write(const config::Rules& rules) {
  const auto group = [](const std::vector<std::string>& names) { return Listed(names, Quoted); };
  std::string text = "rules:\n  order: " + Listed(rules.order, [](config::Kind kind) { return Name(kind); });
  if (!rules.max_per_device.empty()) text += "\n  max_per_device:";
  for (const auto& [kind, most] : rules.max_per_device) text += "\n    " + std::string(Name(kind)) + ": " + Text(most);
  text += "\n  apart: " + Listed(rules.apart, group) + "\n  together: " + Listed(rules.together, group);
  return text + "\n  on_failure: " + std::string(Name(rules.on_failure)) + "\n";
}

std::string Write(const Plan& plan) {
  std::string text = "version: " + Text(plan.version) + "\n" + Write(plan.server) + "devices:\n";
  for (const config::Device& device : plan.devices) {
    text += "  " + Quoted(device.name) + ":\n    threads: " + Text(device.threads) + "\n    reserve: " + Text(device.reserve);
    if (device.memory.count > 0) text += "\n    memory: " + Text(device.memory);
    if (!device.cuda.empty()) text += "\n    cuda: " + Quoted(device.cuda);
    text += "\n";
  }
  text += Write(plan.rules) + "models:\n";
  for (const config::Model& model : plan.models) text += Write(model);
  return text;
}

// --- what must hold of a plan ---

void CheckWrittenOut(const Plan& plan) {
  const std::string written = Write(plan);
  const auto again = config::Parse(written, "berth.yaml", FakeHost());
  const auto* mistakes = std::get_if<config::Mistakes>(&again);
  Require(mistakes == nullptr, "a plan that was accepted is accepted when it is written out",
          (mistakes ? Format(*mistakes) : "") + written);
  Require(Write(std::get<Plan>(again)) == written, "a plan that is written out means the same", written);
}

void CheckPlaced(const Plan& plan, const placement::Placement& placement) {
  std::map<std::string, std::uint64_t> used;
  std::map<std::string, int> replicas;
  for (const placement::Assignment& assignment : placement.assignments) {
    const config::Model* model = FindModel(plan, assignment.model);
    Require(model != nullptr, "what is placed is a model of the plan", assignment.model);
    const std::set<std::string> devices(assignment.devices.begin(), assignment.devices.end());
    Require(std::ssize(devices) == model->devices_per_replica, "a replica is on as many devices as it should be", model->name);
    Require(assignment.replica == replicas[model->name]++, "replicas are numbered through", model->name);
    for (const std::string& device : devices) {
      Require(std::ranges::find(model->devices, device) != model->devices.end(), "a replica is where it may be");
      if (model->start == config::Start::kBoot) used[device] += assignment.memory.count;
    }
    for (const std::string& before : model->after) {
      for (const placement::Assignment& other : placement.assignments) {
        if (other.model == before) Require(other.wave < assignment.wave, "what a model is after loads before it");
      }
    }
  }
  for (const config::Model& model : plan.models) Require(replicas[model.name] == model.replicas, "all are placed");
  for (const config::Device& device : plan.devices) {
    Require(used[device.name] <= device.capacity().count, "what starts at boot fits together", device.name);
  }
}

void CheckShown(const Plan& plan, const placement::Placement& placement) {
  Require(!placement::Format(plan, placement).empty(), "a placement can be shown");
  const std::string shown = admin::Dump(admin::Render(plan));
  const nlohmann::json parsed = nlohmann::json::parse(shown, nullptr, false);
  Require(!parsed.is_discarded(), "a plan is shown as JSON", shown);
  Require(parsed.at("models").size() == plan.models.size(), "every model is shown", shown);
}

void Run(std::string_view text) {
  const auto parsed = config::Parse(text, "berth.yaml", FakeHost());
  if (const auto* mistakes = std::get_if<config::Mistakes>(&parsed)) return CheckMistakes(*mistakes, text);
  const Plan& plan = std::get<Plan>(parsed);
  CheckWrittenOut(plan);
  const bool small = plan.models.size() <= 100;  // the checks look at every pair
  const auto placed = placement::Place(plan);
  if (const auto* refusals = std::get_if<std::vector<placement::Refusal>>(&placed)) {
    Require(!refusals->empty(), "a plan is not refused for nothing");
    for (const placement::Refusal& refusal : *refusals) RequireReadable(refusal.message, 100'000);
    return CheckShown(plan, {});
  }
  if (small) CheckPlaced(plan, std::get<placement::Placement>(placed));
  CheckShown(plan, std::get<placement::Placement>(placed));
}

const Registration kRegistration("plan", Run);

}  // namespace
}  // namespace berth::fuzz
