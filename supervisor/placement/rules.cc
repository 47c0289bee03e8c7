#include "supervisor/placement/rules.h"

#include <algorithm>

namespace berth::placement {
namespace {

std::size_t Number(config::Kind kind) { return static_cast<std::size_t>(kind); }

}  // namespace

// ---- who is on a device

void Tenants::Count(const Rules& rules, std::size_t model, int by) {
  const config::Model& of = rules.plan_.models[model];
  of_kind_[Number(of.kind)] += by;
  if (of.sharing == config::Sharing::kExclusive) exclusive_ += by;
  if (rules.apart_.contains(model)) of_model_[model] += by;
}

void Tenants::Add(const Rules& rules, Tenant tenant) {
  list_.push_back(tenant);
  Count(rules, tenant.model, 1);
}

void Tenants::RemoveLast(const Rules& rules) {
  Count(rules, list_.back().model, -1);
  list_.pop_back();
}

// ---- the rules

Rules::Rules(const config::Plan& plan) : plan_(plan) {
  for (std::size_t i = 0; i < plan.models.size(); ++i) index_.emplace(plan.models[i].name, i);
  for (const std::vector<std::string>& list : plan.rules.apart) {
    for (const std::string& one : list) {
      for (const std::string& other : list) {
        const auto a = IndexOf(one), b = IndexOf(other);
        if (a && b && *a != *b) apart_[*a].insert(*b);
      }
    }
  }
}

std::optional<std::size_t> Rules::IndexOf(const std::string& model) const {
  const auto found = index_.find(model);
  return found == index_.end() ? std::nullopt : std::optional(found->second);
}

const Tenant* Rules::First(const Tenants& tenants, auto is) const {
  const auto found = std::ranges::find_if(tenants.list_, is, &Tenant::model);
  return &*found;  // the counts say that there is one
}

std::optional<Objection> Rules::Against(std::size_t newcomer, const Tenants& tenants) const {
  using Rule = Objection::Rule;
  if (tenants.list_.empty()) return {};
  const config::Model& model = plan_.models[newcomer];
  if (model.sharing == config::Sharing::kExclusive) return Objection{Rule::kNewcomerExclusive, tenants.list_.front()};
  if (tenants.exclusive_ > 0) {
    const auto exclusive = [&](std::size_t m) { return plan_.models[m].sharing == config::Sharing::kExclusive; };
    return Objection{Rule::kTenantExclusive, *First(tenants, exclusive)};
  }
  const auto most = plan_.rules.max_per_device.find(model.kind);
  if (most != plan_.rules.max_per_device.end() && tenants.of_kind_[Number(model.kind)] >= most->second) {
    const auto same_kind = [&](std::size_t m) { return plan_.models[m].kind == model.kind; };
    return Objection{Rule::kMaxPerDevice, *First(tenants, same_kind)};
  }
  const auto apart = apart_.find(newcomer);
  if (apart == apart_.end()) return {};
  for (const std::size_t other : apart->second) {
    const auto here = tenants.of_model_.find(other);
    if (here == tenants.of_model_.end() || here->second == 0) continue;
    return Objection{Rule::kApart, *First(tenants, [&](std::size_t m) { return m == other; })};
  }
  return {};
}

// Lists are walked rule by rule: for a refusal, whose reader wants to know everything at once.
std::string Rules::AllAgainst(std::size_t newcomer, const Tenants& tenants) const {
  using Rule = Objection::Rule;
  const config::Model& model = plan_.models[newcomer];
  std::string text;
  const auto tell = [&](Rule rule, auto is) {
    std::string names;
    for (const Tenant& tenant : tenants.list_) {
      if (is(tenant.model)) names += (names.empty() ? "" : ", ") + NameOf(tenant);
    }
    if (!names.empty()) text += (text.empty() ? "" : "; ") + Text(rule, newcomer, names);
  };
  if (model.sharing == config::Sharing::kExclusive) tell(Rule::kNewcomerExclusive, [](std::size_t) { return true; });
  tell(Rule::kTenantExclusive, [&](std::size_t m) { return plan_.models[m].sharing == config::Sharing::kExclusive; });
  const auto most = plan_.rules.max_per_device.find(model.kind);
  if (most != plan_.rules.max_per_device.end() && tenants.of_kind_[Number(model.kind)] >= most->second) {
    tell(Rule::kMaxPerDevice, [&](std::size_t m) { return plan_.models[m].kind == model.kind; });
  }
  const auto apart = apart_.find(newcomer);
  if (apart != apart_.end()) tell(Rule::kApart, [&](std::size_t m) { return apart->second.contains(m); });
  return text;
}

std::string Rules::NameOf(const Tenant& tenant) const {
  return plan_.models[tenant.model].name + "/" + std::to_string(tenant.replica);
}

std::string Rules::Text(const Objection& objection, std::size_t newcomer) const {
  return Text(objection.rule, newcomer, NameOf(objection.tenant));
}

std::string Rules::Text(Objection::Rule rule, std::size_t newcomer, const std::string& tenants) const {
  const config::Model& model = plan_.models[newcomer];
  const bool several = tenants.find(',') != std::string::npos;
  const std::string there = several ? " are there" : " is there", which = several ? ", which are" : ", which is";
  switch (rule) {
    case Objection::Rule::kNewcomerExclusive: return model.name + " is exclusive, and " + tenants + there;
    case Objection::Rule::kTenantExclusive: return tenants + there + which + " exclusive";
    case Objection::Rule::kApart: return "rules.apart keeps it from " + tenants + which + " there";
    case Objection::Rule::kMaxPerDevice: break;
  }
  return "rules.max_per_device." + std::string(Name(model.kind)) + " is " +
         std::to_string(plan_.rules.max_per_device.at(model.kind)) + ", and " + tenants + there;
}

}  // namespace berth::placement
