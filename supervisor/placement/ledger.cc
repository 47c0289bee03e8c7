#include "supervisor/placement/ledger.h"

#include <algorithm>
#include <set>
#include <utility>

namespace berth::placement {
namespace {

// "chat 8 GiB, bge 2 x 1 GiB, weights of bge 127 MiB": who holds the device, by model, in the order of the reservations.
std::string Holders(const std::vector<Ledger::Reservation>& reservations, const std::vector<SharedWeights>& shared,
                    const std::string& device) {
  struct Holder {
    std::string model;
    Bytes each;
    int replicas;
  };
  std::vector<Holder> holders;
  for (const Ledger::Reservation& held : reservations) {
    if (held.device != device) continue;
    const auto same = [&](const Holder& h) { return h.model == held.model && h.each == held.bytes; };
    const auto known = std::ranges::find_if(holders, same);
    if (known != holders.end()) {
      ++known->replicas;
    } else {
      holders.push_back({held.model, held.bytes, 1});
    }
  }
  std::string text;
  for (const Holder& holder : holders) {
    if (!text.empty()) text += ", ";
    text += holder.model + " ";
    if (holder.replicas > 1) text += std::to_string(holder.replicas) + " x ";
    text += FormatBytes(holder.each);
  }
  for (const SharedWeights& weights : shared) {
    if (weights.device == device) text += ", weights of " + weights.models.front() + " " + FormatBytes(weights.bytes);
  }
  return text;
}

}  // namespace

Ledger::Ledger(const config::Plan& plan) : plan_(plan), rules_(plan), weights_(plan) {
  for (const config::Device& device : plan.devices) devices_[device.name] = &device;
}

std::optional<std::size_t> Ledger::SetOf(const std::string& model, const std::string& device) const {
  return weights_.SetOf(*rules_.IndexOf(model), *devices_.at(device));
}

std::vector<SharedWeights> Ledger::shared() const {
  SharedList list(weights_, plan_);
  for (const Reservation& held : reservations_) list.Add(*rules_.IndexOf(held.model), *devices_.at(held.device));
  return list.all();
}

Tenants Ledger::On(const std::string& device) const {
  Tenants tenants;
  for (const Reservation& held : reservations_) {
    if (held.device == device) tenants.Add(rules_, {*rules_.IndexOf(held.model), held.replica});
  }
  return tenants;
}

Status Ledger::CheckOne(const std::string& device, const std::string& model, int replica, Bytes bytes) const {
  if (!devices_.contains(device)) {
    return MakeError(ErrorKind::kNotFound, "model \"", model, "\": the plan has no device \"", device, "\"");
  }
  const auto index = rules_.IndexOf(model);
  if (!index) return MakeError(ErrorKind::kNotFound, "model \"", model, "\" is not in the plan");
  for (const Reservation& held : reservations_) {
    if (held.device == device && held.model == model && held.replica == replica) {
      return MakeError(ErrorKind::kConflict, "model \"", model, "\": replica ", replica, " already holds ",
                       FormatBytes(held.bytes), " on ", device);
    }
  }
  if (const Tenants tenants = On(device); rules_.Against(*index, tenants)) {
    return MakeError(ErrorKind::kConflict, "model \"", model, "\": replica ", replica, " may not join those on ", device,
                     ": ", rules_.AllAgainst(*index, tenants), "; stop who is in the way, or change the rule");
  }
  const Bytes free = Capacity(device) - Reserved(device);
  const Bytes weights = NewWeights(model, device);
  if (weights > free || bytes > free - weights) {
    const std::string holders = Holders(reservations_, shared(), device);
    const std::string in_the_way = holders.empty() ? "; " : " (" + holders + "); stop one of these, or ";
    return MakeError(ErrorKind::kExhausted, "model \"", model, "\": replica ", replica, " needs ",
                     FormatBytes(bytes), weights.count > 0 ? " and " + FormatBytes(weights) + " of weights" : "", " on ", device, ", ",
                     FormatBytes(free), " of ", FormatBytes(Capacity(device)), " free", in_the_way, "lower its memory");
  }
  return Ok();
}

Status Ledger::Check(const std::vector<std::string>& devices, const std::string& model, int replica, Bytes bytes) const {
  for (const std::string& device : devices) {
    if (Status refused = CheckOne(device, model, replica, bytes); !refused) return refused;
  }
  return Ok();
}

Status Ledger::Reserve(const std::vector<std::string>& devices, const std::string& model, int replica, Bytes bytes) {
  if (Status refused = Check(devices, model, replica, bytes); !refused) return refused;
  for (const std::string& device : devices) reservations_.push_back({device, model, replica, bytes});
  return Ok();
}

void Ledger::Release(const std::string& model, int replica) {
  std::erase_if(reservations_, [&](const Reservation& r) { return r.model == model && r.replica == replica; });
}

Bytes Ledger::Capacity(const std::string& device) const {
  const auto found = devices_.find(device);
  return found == devices_.end() ? Bytes{} : found->second->capacity();
}

Bytes Ledger::Reserved(const std::string& device) const {
  Bytes sum;
  std::set<std::size_t> mapped;
  for (const Reservation& held : reservations_) {
    if (held.device != device) continue;
    sum += held.bytes;
    const auto set = SetOf(held.model, device);
    if (set && mapped.insert(*set).second) sum += weights_.bytes(*set);
  }
  return sum;
}

// Of weights that it would be the first to map there.
Bytes Ledger::NewWeights(const std::string& model, const std::string& device) const {
  const auto set = SetOf(model, device);
  const auto maps_it = [&](const Reservation& held) { return held.device == device && SetOf(held.model, device) == set; };
  return !set || std::ranges::any_of(reservations_, maps_it) ? Bytes{} : weights_.bytes(*set);
}

}  // namespace berth::placement
