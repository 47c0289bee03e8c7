#include "supervisor/launch/gpu_place.h"

#include <algorithm>

namespace berth::launch {

std::string Gpus::UuidOf(const std::string& device) const {
  const auto found = source_.uuids.find(device);
  return found == source_.uuids.end() ? "" : found->second;
}

std::vector<gpu::Tenant> Gpus::OthersOn(const std::string& device, const Who& who) const {
  std::vector<gpu::Tenant> others;
  for (const auto& held : reservations_) {
    const Who holder{held.model, held.replica};
    if (held.device != device || holder == who) continue;
    const auto pid = pids_.find(holder);
    others.push_back({pid == pids_.end() ? 0 : pid->second, held.bytes});
  }
  return others;
}

Bytes Gpus::ReservedSince(const std::string& device, const Who& who) const {
  const auto order_of = [this](const Who& holder) {
    const auto found = order_.find(holder);
    return found == order_.end() ? 0 : found->second;
  };
  Bytes sum;
  for (const auto& held : reservations_) {
    if (held.device == device && order_of({held.model, held.replica}) > order_of(who)) sum += held.bytes;
  }
  return sum;
}

GpuPlace::GpuPlace(Gpus& gpus, const placement::Assignment& assignment)
    : gpus_(gpus), who_(assignment.model, assignment.replica), needed_(assignment.memory) {
  for (const std::string& device : assignment.devices) {
    if (std::string uuid = gpus.UuidOf(device); !uuid.empty()) spots_.push_back({device, std::move(uuid)});
  }
}

std::vector<std::string> GpuPlace::uuids() const {
  std::vector<std::string> uuids;
  for (const Spot& spot : spots_) uuids.push_back(spot.uuid);
  return uuids;
}

Turn GpuPlace::ObjectionOf(const Spot& spot, TimePoint now, bool alone) const {
  const auto inventory = gpus_.Latest();
  if (auto unusable = gpu::Unusable(*inventory, spot.uuid, now)) return {std::move(*unusable), true};
  // Who has just loaded there is not in the reading: his memory would be taken for room, or himself for a stranger.
  if (gpu::FindUuid(*inventory, spot.uuid)->read_at <= gpus_.LoadedAt(spot.device)) {
    return {"waits until " + spot.device + " is read again: another replica has just loaded there", false};
  }
  auto others = gpus_.OthersOn(spot.device, who_);
  if (alone) {
    // Only where ours are told from strangers is it known what would be left.
    if (!gpus_.lists_pids() || !gpu::FindUuid(*inventory, spot.uuid)->processes) return {};
    for (gpu::Tenant& other : others) other.reserved = Bytes{};
  }
  auto objection = gpu::Objection(*inventory, spot.uuid, needed_, others, now, gpus_.lists_pids());
  return objection ? Turn{std::move(*objection), true} : Turn{};
}

Turn GpuPlace::Objection(TimePoint now, bool alone) const {
  for (const Spot& spot : spots_) {
    if (Turn turn = ObjectionOf(spot, now, alone); !turn.obstacle.empty()) return turn;
  }
  return {};
}

void GpuPlace::Begins() {
  ran_ = false;
  if (!on_gpu()) return;
  gpus_.Came(who_);
  const auto inventory = gpus_.Latest();
  for (Spot& spot : spots_) {
    spot.stay = {};
    const gpu::Gpu* gpu = gpu::FindUuid(*inventory, spot.uuid);
    if (gpu != nullptr && gpu->memory) spot.stay.used_before = gpu->memory->used;
  }
}

void GpuPlace::Runs(int pid) {
  if (!on_gpu()) return;
  ran_ = true;
  for (Spot& spot : spots_) spot.stay.pid = pid;
  gpus_.Runs(who_, pid);
}

void GpuPlace::Loaded(TimePoint now) {
  for (const Spot& spot : spots_) gpus_.Loaded(spot.device, now);
}

void GpuPlace::Look() {
  if (!ran_) return;
  for (Spot& spot : spots_) {
    if (!spot.stay.listed) spot.stay.listed = Shows(*gpus_.Latest(), spot.uuid, spot.stay.pid);
    if (spot.stay.listed) gpus_.ListsPids();
  }
}

void GpuPlace::Reaped(TimePoint now) {
  if (!on_gpu()) return;
  Look();
  reaped_at_ = now;
}

bool GpuPlace::Gone() {
  const bool gone = !ran_ || std::ranges::all_of(spots_, [this](const Spot& spot) {
    gpu::Stay stay = spot.stay;
    stay.listed |= gpus_.lists_pids();
    stay.reserved_since = gpus_.ReservedSince(spot.device, who_);
    return ProvenGone(*gpus_.Latest(), spot.uuid, stay, reaped_at_);
  });
  if (!gone) return false;
  ran_ = false;
  gpus_.Left(who_);
  return true;
}

}  // namespace berth::launch
