#include "config/parse.h"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "config/draft.h"

namespace berth::config {
namespace {

// Far beyond any host; what a plan can make the daemon hold grows with their product.
constexpr std::size_t kMostDevices = 256;
constexpr std::size_t kMostModels = 4096;

// The document, walked once: fills the draft and collects what is wrong.
class PlanReader {
 public:
  PlanReader(const Host& host, std::filesystem::path folder, Complaints& complaints)
      : host_(host), reading_{host, std::move(folder), complaints} {}

  Draft Read(const Node& root) {
    Node rest = root;  // what the table describes without names: version, server, rules
    rest.items.clear();
    RefuseRepetitions(root, "", reading_.complaints);
    for (const Node& node : root.items) {
      if (node.key == "devices") {
        devices_ = &node;
      } else if (node.key == "models") {
        models_ = &node;
      } else if (node.key == kDefaults) {
        ReadDefaults(node);
      } else if (std::ranges::find(rest.items, node.key, &Node::key) == rest.items.end()) {
        rest.items.push_back(node);
      }
    }
    ReadSection(rest, "", "", draft_.server, reading_);
    FillServer();
    FillDevices();
    FillModels();
    return std::move(draft_);
  }

 private:
  // A section whose members the operator names.
  bool IsSection(const Node& node, const std::string& what) {
    if (node.type == Node::Type::kMap) return true;
    if (node.type != Node::Type::kNull) {
      reading_.complaints.Add(node.line, node.column, what);
    }
    return false;
  }

  void ReadDefaults(const Node& node) {
    if (IsSection(node, "defaults: expected a section with keys of a model")) {
      ReadSection(node, std::string(kModels), std::string(kDefaults), draft_.defaults, reading_);
    }
  }

  void FillServer() {
    Plan& plan = draft_.plan;
    const Section none;
    const Filling filling{draft_.server, none, "", 0, 0};
    for (const std::string_view part : {"version", "server.", "rules."}) {
      Fill(part, filling, Target{.plan = &plan}, reading_.complaints);
    }
    if (plan.server.admin.empty()) plan.server.admin = host_.runtime_dir / "admin.sock";
  }

  void FillDevices() {
    if (devices_ != nullptr && IsSection(*devices_, "devices: expected a section with a device for each name")) {
      RefuseRepetitions(*devices_, "devices", reading_.complaints);
      for (const Node& node : devices_->items) FillDevice(node);
    }
    for (const auto& [name, memory] : host_.hardware) AddDevice(name, {});
    if (draft_.plan.devices.empty()) AddDevice("cpu", {});
  }

  void FillDevice(const Node& node) {
    const std::string label = "devices." + Shortened(node.key);
    Named named{{}, node.key_line, node.key_column};
    if (IsSection(node, label + ": expected a section with cuda, memory, …")) {
      ReadSection(node, std::string(kDevices), label, named.given, reading_);
    }
    AddDevice(node.key, std::move(named));
  }

  const Bytes* Hardware(const std::string& device) const {
    for (const auto& [name, memory] : host_.hardware) {
      if (name == device) return &memory;
    }
    return nullptr;
  }

  void AddDevice(const std::string& name, Named named) {
    if (std::ranges::find(draft_.plan.devices, name, &Device::name) != draft_.plan.devices.end()) return;
    if (draft_.plan.devices.size() == kMostDevices) {
      reading_.complaints.Add(named.line, named.column, "devices: a plan has at most " + std::to_string(kMostDevices));
    }
    if (draft_.plan.devices.size() >= kMostDevices) return;
    Device device;
    device.name = name;
    device.threads = host_.cores;
    if (name == "cpu") device.memory = Bytes{host_.memory.count / 8 * 7};
    // A key that is wrong leaves nothing to compare budgets with.
    for (const auto& [key, given] : named.given) {
      Target target{.device = &device};
      if (!given.value) key->store(target, Value{});
    }
    const Section none;
    const Filling filling{named.given, none, "devices." + Shortened(name), named.line, named.column};
    Fill(kDevices, filling, Target{.device = &device}, reading_.complaints);
    if (const Bytes* memory = Hardware(name)) {
      device.memory = *memory;
      named.stands_in = true;
    }
    draft_.plan.devices.push_back(std::move(device));
    draft_.devices.push_back(std::move(named));
  }

  void FillModels() {
    const bool section =
        models_ != nullptr && IsSection(*models_, "models: expected a section with a model for each name");
    if (section) {
      RefuseRepetitions(*models_, "models", reading_.complaints);
      for (const Node& node : models_->items) FillModel(node);
    }
    const bool wrong_already = models_ != nullptr && !section && models_->type != Node::Type::kNull;
    if (draft_.plan.models.empty() && !wrong_already) {
      const Node nowhere;
      const Node& at = models_ == nullptr ? nowhere : *models_;
      reading_.complaints.Add(at.key_line, at.key_column, "no models: a plan needs at least one under \"models\"");
    }
  }

  void FillModel(const Node& node) {
    const std::string label = "models." + Shortened(node.key);
    if (std::ranges::find(draft_.plan.models, node.key, &Model::name) != draft_.plan.models.end()) return;
    if (draft_.plan.models.size() == kMostModels) {
      reading_.complaints.Add(node.key_line, node.key_column, "models: a plan has at most " + std::to_string(kMostModels));
    }
    if (draft_.plan.models.size() >= kMostModels) return;
    Named named{{}, node.key_line, node.key_column};
    Model model;
    model.name = node.key;
    // The worker computes on the CPU: GPUs are for models that name them, unless there is nothing else.
    const auto is_gpu = [](const Device& device) { return device.name != "cpu"; };
    const bool all_gpus = std::ranges::all_of(draft_.plan.devices, is_gpu);
    for (const Device& device : draft_.plan.devices) {
      if (all_gpus || !is_gpu(device)) model.devices.push_back(device.name);
    }
    const bool section = IsSection(node, label + ": expected a section with kind and source");
    if (section) ReadSection(node, std::string(kModels), label, named.given, reading_);
    if (section || node.type == Node::Type::kNull) {
      const Filling filling{named.given, draft_.defaults, label, named.line, named.column};
      Fill(kModels, filling, Target{.model = &model}, reading_.complaints);
    }
    if (!IsGiven(named, "models.*.batching.max_tokens")) model.batching.max_tokens = DefaultBatchTokens(model.kind);
    if (!IsGiven(named, "models.*.required")) model.required = model.start == Start::kBoot;
    draft_.plan.models.push_back(std::move(model));
    draft_.models.push_back(std::move(named));
  }

  bool IsGiven(const Named& named, std::string_view path) const {
    const auto is = [&](const auto& entry) { return entry.first->path == path; };
    return std::ranges::any_of(named.given, is) || std::ranges::any_of(draft_.defaults, is);
  }

  const Host& host_;
  Reading reading_;
  Draft draft_;
  const Node* devices_ = nullptr;
  const Node* models_ = nullptr;
};

Mistakes WholeFile(const std::filesystem::path& file, std::string message) {
  return {file.string(), {{0, 0, std::move(message)}}};
}

}  // namespace

std::variant<Plan, Mistakes> Parse(std::string_view text, const std::filesystem::path& file, const Host& host) {
  std::variant<Node, Mistake> document = ParseDocument(text);
  if (auto* mistake = std::get_if<Mistake>(&document)) return Mistakes{file.string(), {std::move(*mistake)}};
  const Node& root = std::get<Node>(document);
  if (root.type == Node::Type::kNull) return WholeFile(file, "the plan is empty; it begins with \"version: 1\"");
  if (root.type != Node::Type::kMap) {
    return WholeFile(file, "expected a plan with version, models, …, got something that has no keys");
  }
  std::error_code ignored;
  Complaints complaints;
  PlanReader reader(host, std::filesystem::absolute(file, ignored).parent_path(), complaints);
  Draft draft = reader.Read(root);
  CheckDraft(draft, complaints);
  if (!complaints.empty()) return Mistakes{file.string(), complaints.Take()};
  return std::move(draft.plan);
}

std::variant<Plan, Mistakes> ParseFile(const std::filesystem::path& file, const Host& host) {
  std::error_code status;
  if (std::filesystem::is_directory(file, status)) return WholeFile(file, "is a folder; name the plan's file in it");
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return WholeFile(file, SystemError(errno, "cannot read the plan").message);
  std::string text(kMostPlanBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return WholeFile(file, SystemError(errno, "cannot read the plan").message);
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return Parse(text, file, host);
}

}  // namespace berth::config
