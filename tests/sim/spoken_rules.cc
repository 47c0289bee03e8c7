#include "tests/sim/spoken_rules.h"

#include <algorithm>

namespace berth::sim {

std::string BrokenRule(const config::Plan& plan, const std::vector<const config::Model*>& tenants) {
  for (const config::Model* model : tenants) {
    if (model->sharing == config::Sharing::kExclusive && tenants.size() > 1) return model->name + " is not alone";
    const auto most = plan.rules.max_per_device.find(model->kind);
    const auto of_kind = std::ranges::count(tenants, model->kind, [](const config::Model* m) { return m->kind; });
    if (most != plan.rules.max_per_device.end() && of_kind > most->second) {
      return std::to_string(of_kind) + " replicas of kind " + std::string(Name(model->kind));
    }
    for (const auto& list : plan.rules.apart) {
      for (const config::Model* other : tenants) {
        const bool both = std::ranges::find(list, model->name) != list.end() && std::ranges::find(list, other->name) != list.end();
        if (both && other != model) return model->name + " and " + other->name + " are not apart";
      }
    }
  }
  return "";
}

}  // namespace berth::sim
