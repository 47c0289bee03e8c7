// config/reference.md and config/full.yaml, made from the table of keys.
#include <algorithm>
#include <utility>

#include "config/keys.h"

namespace berth::config {
namespace {

std::string Code(std::string_view text) { return std::string("`").append(text).append("`"); }

std::string TypeColumn(const Key& key) {
  std::string text(TypeName(key.type));
  std::string choices;
  for (const std::string& choice : Choices(key)) choices += (choices.empty() ? " " : ", ") + Code(choice);
  text += choices;
  const std::string bounds = BoundsText(key);
  return bounds.empty() ? text : text + ", " + bounds;
}

std::string DefaultColumn(const Key& key) {
  if (key.required()) return "**required**";
  return key.preset.empty() ? std::string(key.otherwise) : Code(key.preset);
}

std::string Row(const Key& key, std::string_view name) {
  const char* restarts = key.restarts == Restarts::kReplicas ? "its replicas" : "the daemon";
  return "| " + Code(name) + " | " + TypeColumn(key) + " | " + DefaultColumn(key) + " | " + restarts + " | " +
         Sentence(key) + " |\n";
}

struct Part {
  std::string_view prefix;
  std::string_view title;
  std::string_view words;
};
constexpr Part kParts[] = {
    {"version", "Top level", ""},
    {"server.", "server", "The daemon itself."},
    {kDevices, "devices", "What replicas run on, each in a section named after it: `cpu`, which is there by default, and GPUs, which have "
     "the key `cuda`. The worker of this version serves on the CPU; GPUs can be planned for."},
    {"rules.", "rules", "Which models load first, and which may share a device."},
    {kModels, "models and defaults",
     "Under `models`, each model has a section named after it. A name has letters, digits and `. _ / -`, at most "
     "128, and no part between slashes is empty or begins with a dot. Every key below may also stand under "
     "`defaults`, for all models that do not say otherwise; only "},
};

std::string OwnKeys(std::string_view quote) {
  std::string names;
  for (const Key& key : Keys()) {
    if (!key.own) continue;
    if (!names.empty()) names += ", ";
    names.append(quote).append(key.inner()).append(quote);
  }
  return names;
}

constexpr std::string_view kPreface =
    "# Keys of a plan\n\n"
    "This page is made from the table of keys (`config/keys.cc`).\n\n"
    "- **Sizes** carry a unit: B, KiB, MiB, GiB, TiB, or KB, MB, GB, TB. **Times** too: us, ms, s, m, h.\n"
    "- **Paths** are absolute, or relative to the plan's folder.\n"
    "- In every value `${VAR}` stands for an environment variable and `${VAR:-default}` gives a default for one that "
    "is unset or empty; `$${` is a plain `${`. Inside `{ }` and `[ ]` such a value must stand in quotes. Names of "
    "models are not expanded.\n"
    "- A key that is not listed here is a mistake, and so is a value out of its bounds: nothing is guessed.\n"
    "- The column *restarts* says what must be restarted before a change takes effect.\n";

// "models.*.batching.max_tokens" → {"models", "bge", "batching", "max_tokens"}
std::vector<std::string> Segments(std::string_view path) {
  std::vector<std::string> segments;
  for (;;) {
    const std::size_t dot = path.find('.');
    segments.emplace_back(path.substr(0, dot));
    if (segments.back() == "*") segments.back() = segments.front() == "models" ? "bge" : "cpu";
    if (dot == std::string_view::npos) return segments;
    path.remove_prefix(dot + 1);
  }
}

// "  # sentence" on lines of at most 100 columns.
std::string Comment(std::string_view words, const std::string& indent) {
  std::string text;
  std::string line;
  while (!words.empty()) {
    const std::size_t space = std::min(words.find(' '), words.size());
    if (!line.empty() && indent.size() + line.size() + space > 97) text += indent + "#" + std::exchange(line, "") + "\n";
    line.append(" ").append(words.substr(0, space));
    words.remove_prefix(std::min(space + 1, words.size()));
  }
  return text + indent + "#" + line + "\n";
}

std::string DefaultsYaml() {
  const std::string words = "Any key of a model except " + OwnKeys("") + ", for all models that do not say otherwise.";
  return std::string("\n").append(Comment(words, "")).append("# defaults:\n#   memory: 1GiB\n");
}

std::string KeyYaml(const Key& key, const std::string& name, const std::string& indent) {
  const std::string words = Sentence(key) +
                            (key.required()       ? " Required."
                             : key.preset.empty() ? " Default: " + std::string(key.otherwise) + "."
                                                  : "");
  // A computed default differs from host to host: shown, but not set. Nor is what the model of this file cannot have.
  const bool its_kind = key.only.empty() || key.only == "embedding";
  const bool set = its_kind && (key.required() || !key.preset.empty());
  const std::string value(key.preset.empty() ? key.example : key.preset);
  return Comment(words, indent) + indent + (set ? "" : "# ") + name + ": " + value + "\n";
}

}  // namespace

std::string ReferenceMarkdown() {
  std::string text(kPreface);
  for (const Part& part : kParts) {
    text += "\n## " + std::string(part.title) + "\n\n";
    if (!part.words.empty()) text += std::string(part.words) + (part.prefix == kModels ? OwnKeys("`") + " belong to one model alone." : "") + "\n\n";
    text += "| key | type | default | restarts | |\n|---|---|---|---|---|\n";
    for (const Key& key : Keys()) {
      if (!key.path.starts_with(part.prefix)) continue;
      const bool whole = part.prefix != kModels && part.prefix != kDevices;
      text += Row(key, whole ? key.path : key.inner());
    }
  }
  return text;
}

std::string FullYaml() {
  std::string text =
      "# Every key of a plan with its default; what is commented out has a default that is computed. This file is\n"
      "# made from the table of keys (config/keys.cc).\n";
  std::vector<std::string> open;  // the sections we are in
  for (const Key& key : Keys()) {
    std::vector<std::string> segments = Segments(key.path);
    const std::string name = std::move(segments.back());
    segments.pop_back();
    std::size_t shared = 0;
    while (shared < open.size() && shared < segments.size() && open[shared] == segments[shared]) ++shared;
    if (shared == 0 && !segments.empty() && segments[0] == "models") {
      text += DefaultsYaml();
    }
    for (std::size_t level = shared; level < segments.size(); ++level) {
      if (level == 0) text += "\n";
      text.append(2 * level, ' ').append(segments[level]).append(":\n");
    }
    text += KeyYaml(key, name, std::string(2 * segments.size(), ' '));
    open = std::move(segments);
  }
  return text;
}

}  // namespace berth::config
