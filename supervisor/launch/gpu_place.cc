#include "supervisor/launch/gpu_place.h"

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
    : gpus_(gpus),
      device_(assignment.device),
      who_(assignment.model, assignment.replica),
      needed_(assignment.memory),
      uuid_(gpus.UuidOf(assignment.device)) {}

std::vector<std::string> GpuPlace::uuids() const {
  return on_gpu() ? std::vector<std::string>{uuid_} : std::vector<std::string>{};
}

std::string GpuPlace::Objection(TimePoint now) const {
  if (!on_gpu()) return {};
  return gpu::Objection(*gpus_.Latest(), uuid_, needed_, gpus_.OthersOn(device_, who_), now).value_or("");
}

void GpuPlace::Begins() {
  ran_ = false;
  if (!on_gpu()) return;
  gpus_.Came(who_);
  stay_ = {};
  const auto inventory = gpus_.Latest();
  const gpu::Gpu* gpu = gpu::FindUuid(*inventory, uuid_);
  if (gpu != nullptr && gpu->memory) stay_.used_before = gpu->memory->used;
}

void GpuPlace::Runs(int pid) {
  if (!on_gpu()) return;
  ran_ = true;
  stay_.pid = pid;
  gpus_.Runs(who_, pid);
}

void GpuPlace::Look() {
  if (!on_gpu() || !ran_ || stay_.listed) return;
  stay_.listed = Shows(*gpus_.Latest(), uuid_, stay_.pid);
  if (stay_.listed) gpus_.ListsPids();
}

void GpuPlace::Reaped(TimePoint now) {
  if (!on_gpu()) return;
  Look();
  gpus_.Ended(who_);
  reaped_at_ = now;
}

bool GpuPlace::Gone() {
  if (!on_gpu() || !ran_) return true;
  gpu::Stay stay = stay_;
  stay.listed |= gpus_.lists_pids();
  stay.reserved_since = gpus_.ReservedSince(device_, who_);
  if (!ProvenGone(*gpus_.Latest(), uuid_, stay, reaped_at_)) return false;
  ran_ = false;
  gpus_.Left(who_);
  return true;
}

}  // namespace berth::launch
