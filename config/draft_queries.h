// What the cross checks ask of a draft: what was said for a key, where it stands, what to call it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/draft.h"

namespace berth::config {

struct Position {
  int line = 0;
  int column = 0;
};

// What the plan says for a model's key: at the model, or in `defaults`; nullptr when it says nothing.
const Given* Find(const Draft& draft, std::size_t model, std::string_view path);
// Where that stands; at the model's name when the plan says nothing.
Position Where(const Draft& draft, std::size_t model, std::string_view path);
// What to call it: "models.bge.memory", "defaults.memory".
std::string Label(const Draft& draft, std::size_t model, std::string_view path);
// The entries of a list of a model, with their positions.
std::vector<Item> Items(const Draft& draft, std::size_t model, std::string_view path);

// The same of version, server.* and rules.*.
const Given* FindServer(const Draft& draft, std::string_view path);
Position WhereServer(const Draft& draft, std::string_view path);

// The index of the model that an entry of a list names; where there is none, that is a complaint.
std::optional<std::size_t> ModelNamed(const Draft& draft, const Item& item, const std::string& label,
                                      Complaints& complaints);

// "; did you mean "bge"?", or nothing.
std::string DidYouMean(const std::string& word, const std::vector<std::string>& names);
// What is wrong with the name of a model or an alias; "" when nothing is.
std::string WhatIsWrongWithName(std::string_view name);

// Parts of CheckDraft() with files of their own (rule_checks.cc).
void CheckDevicesThemselves(const Draft& draft, Complaints& complaints);
void CheckDevicesPerReplica(const Draft& draft, Complaints& complaints);
void CheckRules(const Draft& draft, Complaints& complaints);

}  // namespace berth::config
