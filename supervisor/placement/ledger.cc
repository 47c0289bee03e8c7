#include "supervisor/placement/ledger.h"

#include <algorithm>

namespace berth::placement {
namespace {

// "chat 8 GiB, bge 2 x 1 GiB": who holds the device, by model, in the order of the reservations.
std::string Holders(const std::vector<Ledger::Reservation>& reservations, const std::string& device) {
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
  return text;
}

}  // namespace

Ledger::Ledger(const config::Plan& plan) : rules_(plan) {
  for (const config::Device& device : plan.devices) capacity_[device.name] = device.capacity();
}

Tenants Ledger::On(const std::string& device) const {
  Tenants tenants;
  for (const Reservation& held : reservations_) {
    if (held.device == device) tenants.Add(rules_, {*rules_.IndexOf(held.model), held.replica});
  }
  return tenants;
}

Status Ledger::Reserve(const std::string& device, const std::string& model, int replica, Bytes bytes) {
  const auto capacity = capacity_.find(device);
  if (capacity == capacity_.end()) {
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
  if (const auto objection = rules_.Against(*index, On(device))) {
    return MakeError(ErrorKind::kConflict, "model \"", model, "\": replica ", replica, " may not join those on ", device,
                     ": ", rules_.Text(*objection, *index), "; stop that one, or change the rule");
  }
  const Bytes free = capacity->second - Reserved(device);
  if (bytes > free) {
    const std::string holders = Holders(reservations_, device);
    const std::string in_the_way = holders.empty() ? "; " : " (" + holders + "); stop one of these, or ";
    return MakeError(ErrorKind::kExhausted, "model \"", model, "\": replica ", replica, " needs ",
                     FormatBytes(bytes), " on ", device, ", ", FormatBytes(free), " of ",
                     FormatBytes(capacity->second), " free", in_the_way, "lower its memory");
  }
  reservations_.push_back({device, model, replica, bytes});
  return Ok();
}

void Ledger::Release(const std::string& model, int replica) {
  std::erase_if(reservations_, [&](const Reservation& r) { return r.model == model && r.replica == replica; });
}

Bytes Ledger::Capacity(const std::string& device) const {
  const auto found = capacity_.find(device);
  return found == capacity_.end() ? Bytes{} : found->second;
}

Bytes Ledger::Reserved(const std::string& device) const {
  Bytes sum;
  for (const Reservation& held : reservations_) {
    if (held.device == device) sum += held.bytes;
  }
  return sum;
}

}  // namespace berth::placement
