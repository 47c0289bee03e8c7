#include "supervisor/placement/weights.h"

#include <algorithm>
#include <map>

namespace berth::placement {

Weights::Weights(const config::Plan& plan) {
  std::map<std::string, std::size_t> numbers;
  for (const config::Model& model : plan.models) {
    set_of_.emplace_back();
    if (model.mapped.count == 0) continue;
    const auto [set, fresh] = numbers.emplace(model.weights, numbers.size());
    if (fresh) bytes_.emplace_back();
    bytes_[set->second] = std::max(bytes_[set->second], model.mapped);
    set_of_.back() = set->second;
  }
}

std::optional<std::size_t> Weights::SetOf(std::size_t model, const config::Device& device) const {
  return device.is_cpu() ? set_of_[model] : std::nullopt;
}

Bytes SharedList::Add(std::size_t model, const config::Device& device) {
  const auto set = weights_.SetOf(model, device);
  if (!set) return {};
  const auto [place, fresh] = found_.try_emplace({device.name, *set}, SharedWeights{device.name, {}, weights_.bytes(*set)});
  std::vector<std::string>& models = place->second.models;
  const std::string& name = plan_.models[model].name;
  if (std::ranges::find(models, name) == models.end()) models.push_back(name);
  return fresh ? place->second.bytes : Bytes{};
}

std::vector<SharedWeights> SharedList::all() const {
  std::vector<SharedWeights> list;
  for (const auto& [where, shared] : found_) list.push_back(shared);
  return list;
}

}  // namespace berth::placement
