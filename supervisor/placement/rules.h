// Which replicas may share a device: the plan's `sharing`, `max_per_device` and `apart` as one question, asked by the
// placement before anything runs and by the ledger at every start. (`together` asks where replicas go, not who may
// join: the placement alone answers it.) Pure.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/plan.h"

namespace berth::placement {

// A replica of the model with this index in the plan.
struct Tenant {
  std::size_t model = 0;
  int replica = 0;
};

// Why a newcomer may not join those on a device.
struct Objection {
  enum class Rule { kNewcomerExclusive, kTenantExclusive, kMaxPerDevice, kApart };
  Rule rule{};
  Tenant tenant;  // who stands in the way
};

class Rules;

// Who is on one device.
class Tenants {
 public:
  void Add(const Rules& rules, Tenant tenant);
  // The latest Add() undone.
  void RemoveLast(const Rules& rules);
  const std::vector<Tenant>& list() const { return list_; }

 private:
  friend class Rules;
  void Count(const Rules& rules, std::size_t model, int by);

  std::vector<Tenant> list_;
  std::array<int, 3> of_kind_{};
  int exclusive_ = 0;
  std::map<std::size_t, int> of_model_;  // of models that some list keeps apart from others
};

class Rules {
 public:
  explicit Rules(const config::Plan& plan);  // outlives the rules

  // Nothing: the newcomer may join.
  std::optional<Objection> Against(std::size_t newcomer, const Tenants& tenants) const;
  // All that keeps it from joining them, for a person: each rule, and everybody who stands in the way; empty: nothing.
  std::string AllAgainst(std::size_t newcomer, const Tenants& tenants) const;
  // "rules.max_per_device.llm is 1, and chat/0 is there"
  std::string Text(const Objection& objection, std::size_t newcomer) const;
  // Where a model of this name stands in the plan; nothing when there is none.
  std::optional<std::size_t> IndexOf(const std::string& model) const;

 private:
  friend class Tenants;
  const Tenant* First(const Tenants& tenants, auto is) const;
  std::string NameOf(const Tenant& tenant) const;
  std::string Text(Objection::Rule rule, std::size_t newcomer, const std::string& tenants) const;

  const config::Plan& plan_;
  std::map<std::string, std::size_t> index_;
  std::map<std::size_t, std::set<std::size_t>> apart_;  // for a model: those that it may not meet
};

}  // namespace berth::placement
