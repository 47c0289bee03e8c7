#include "config/draft_queries.h"

#include <algorithm>

#include "supervisor/base/suggest.h"

namespace berth::config {

const Given* Find(const Draft& draft, std::size_t model, std::string_view path) {
  for (const Section* section : {&draft.models[model].given, &draft.defaults}) {
    for (const auto& [key, given] : *section) {
      if (key->path == path) return &given;
    }
  }
  return nullptr;
}

Position Where(const Draft& draft, std::size_t model, std::string_view path) {
  if (const Given* given = Find(draft, model, path)) return {given->line, given->column};
  return {draft.models[model].line, draft.models[model].column};
}

std::string Label(const Draft& draft, std::size_t model, std::string_view path) {
  if (const Given* given = Find(draft, model, path)) return given->label;
  const std::string name = Shortened(draft.plan.models[model].name);
  return std::string("models.").append(name).append(path.substr(kModels.size()));
}

std::vector<Item> Items(const Draft& draft, std::size_t model, std::string_view path) {
  const Given* given = Find(draft, model, path);
  return given != nullptr && given->value ? given->value->items : std::vector<Item>();
}

std::string DidYouMean(const std::string& word, const std::vector<std::string>& names) {
  const std::string near = Nearest(word, names);
  return near.empty() ? "" : "; did you mean \"" + near + "\"?";
}

std::optional<std::size_t> ModelNamed(const Draft& draft, const Item& item, const std::string& label,
                                      Complaints& complaints) {
  const Plan& plan = draft.plan;
  const auto found = std::ranges::find(plan.models, item.text, &Model::name);
  if (found != plan.models.end()) return static_cast<std::size_t>(found - plan.models.begin());
  if (const Model* aliased = FindModel(plan, item.text)) {
    complaints.Add(item.line, item.column,
                   label + ": " + Quoted(item.text) + " is an alias; write the model's name, \"" + aliased->name + "\"");
    return {};
  }
  std::vector<std::string> names;
  for (const Model& candidate : plan.models) names.push_back(candidate.name);
  complaints.Add(item.line, item.column, label + ": no model " + Quoted(item.text) + DidYouMean(item.text, names));
  return {};
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

const Given* FindServer(const Draft& draft, std::string_view path) {
  for (const auto& [key, given] : draft.server) {
    if (key->path == path) return &given;
  }
  return nullptr;
}

Position WhereServer(const Draft& draft, std::string_view path) {
  const Given* given = FindServer(draft, path);
  return given == nullptr ? Position{} : Position{given->line, given->column};
}

}  // namespace berth::config
