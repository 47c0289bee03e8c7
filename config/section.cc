#include "config/section.h"

#include <algorithm>

#include "supervisor/base/suggest.h"

namespace berth::config {
namespace {

std::string Child(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : std::string(path).append(".").append(key);
}

const Key* Find(std::string_view path) {
  const auto found = std::ranges::find(Keys(), path, &Key::path);
  return found == Keys().end() ? nullptr : &*found;
}

bool IsGroup(const std::string& path) {
  const std::string prefix = path + ".";
  return std::ranges::any_of(Keys(), [&](const Key& key) { return key.path.starts_with(prefix); });
}

// What may stand directly under `pattern`, in the table's order.
std::vector<std::string> Siblings(const std::string& pattern, bool defaults) {
  const std::string prefix = pattern.empty() ? "" : pattern + ".";
  std::vector<std::string> names;
  for (const Key& key : Keys()) {
    if (!key.path.starts_with(prefix) || (defaults && key.own)) continue;
    const std::string_view rest = key.path.substr(prefix.size());
    std::string name(rest.substr(0, rest.find('.')));
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  if (pattern.empty()) names.insert(std::ranges::find(names, "models"), std::string(kDefaults));
  return names;
}

// "models.*.batching.max_tokens" → "models.NAME.batching.max_tokens"
std::string WithName(std::string_view path, bool defaults) {
  std::string text(path);
  if (defaults && path.starts_with(kModels)) return text.replace(0, kModels.size(), kDefaults);
  if (const std::size_t star = text.find('*'); star != std::string::npos) text.replace(star, 1, "NAME");
  return text;
}

// The path of a key of this name, or of this dotted path, elsewhere in the same part of the plan.
std::string Elsewhere(const std::string& name, const std::string& pattern, bool defaults) {
  const std::string root = pattern.substr(0, pattern.find('.'));
  for (const Key& key : Keys()) {
    if (!key.path.starts_with(root)) continue;
    if (key.path.ends_with("." + name)) return WithName(key.path, defaults);
    const std::size_t group = key.path.find("." + name + ".");
    if (group != std::string_view::npos) return WithName(key.path.substr(0, group + 1 + name.size()), defaults);
  }
  return "";
}

std::string Hint(const Node& node, const std::string& pattern, const std::string& label) {
  if (node.key == "<<") return "; YAML's merge keys are not supported: put what models share under \"defaults\"";
  const bool defaults = label.starts_with(kDefaults);
  const std::vector<std::string> siblings = Siblings(pattern, defaults);
  const std::string elsewhere = Elsewhere(node.key, pattern, defaults);
  const std::string near = Nearest(node.key, siblings);
  if (!near.empty()) return "; did you mean \"" + near + "\"?";
  if (!elsewhere.empty()) return "; did you mean " + elsewhere + "?";
  std::string known;
  for (const std::string& name : siblings) known += (known.empty() ? "" : ", ") + name;
  return "; known keys: " + known;
}

void ReadGroup(const Node& node, const std::string& pattern, const std::string& label, Section& section,
               Reading& reading) {
  if (node.type == Node::Type::kNull) return;  // everything below it is commented out
  if (node.type != Node::Type::kMap) {
    reading.complaints.Add(node.line, node.column, label + ": expected a section of keys, got " +
                                                       (node.type == Node::Type::kList ? "a list" : Quoted(node.text)));
    return;
  }
  ReadSection(node, pattern, label, section, reading);
}

const Given* Lookup(const Filling& filling, const Key& key) {
  for (const Section* section : {&filling.given, &filling.defaults}) {
    if (const auto found = section->find(&key); found != section->end()) return &found->second;
  }
  return nullptr;
}

}  // namespace

void RefuseRepetitions(const Node& map, const std::string& label, Complaints& complaints) {
  std::map<std::string_view, const Node*> first;
  for (const Node& node : map.items) {
    const auto [entry, fresh] = first.emplace(node.key, &node);
    if (fresh) continue;
    complaints.Add(node.key_line, node.key_column,
                   Child(label, Shortened(node.key)) + " is given twice; first in line " +
                       std::to_string(entry->second->key_line));
  }
}

void RefuseUnknown(const Node& node, const std::string& pattern, const std::string& label, Complaints& complaints) {
  complaints.Add(node.key_line, node.key_column,
                 "unknown key " + Quoted(node.key) + (label.empty() ? "" : " in " + label) +
                     Hint(node, pattern, label));
}

void ReadSection(const Node& map, const std::string& pattern, const std::string& label, Section& section,
                 Reading& reading) {
  RefuseRepetitions(map, label, reading.complaints);
  for (const Node& node : map.items) {
    const std::string path = Child(pattern, node.key);
    const std::string name = Child(label, node.key);
    const Key* key = Find(path);
    if (key != nullptr && key->own && label == kDefaults) {
      reading.complaints.Add(node.key_line, node.key_column,
                             name + ": each model has its own " + node.key + "; it cannot have a default");
    } else if (key != nullptr) {
      section[key] = {ReadValue(*key, node, name, reading), node.line, node.column, name};
    } else if (IsGroup(path)) {
      ReadGroup(node, path, name, section, reading);
    } else {
      RefuseUnknown(node, pattern, label, reading.complaints);
    }
  }
}

void Fill(std::string_view pattern, const Filling& filling, Target target, Complaints& complaints) {
  for (const Key& key : Keys()) {
    if (!key.path.starts_with(pattern)) continue;
    const Given* given = Lookup(filling, key);
    if (given != nullptr) {
      if (given->value) key.store(target, *given->value);
    } else if (!key.preset.empty()) {
      key.store(target, PresetOf(key));
    } else if (key.required()) {
      complaints.Add(filling.line, filling.column,
                     (filling.label.empty() ? "" : filling.label + ": ") + "\"" + std::string(key.inner()) +
                         "\" is missing; add it, for example \"" + std::string(key.inner()) + ": " +
                         std::string(key.example) + "\"");
    }
  }
}

}  // namespace berth::config
