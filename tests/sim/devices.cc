#include "tests/sim/devices.h"

#include <algorithm>
#include <utility>

namespace berth::sim {

using namespace std::chrono_literals;

namespace {

constexpr Duration kReadEvery = 1s;
constexpr Duration kMostAge = 10s;  // a device that was not read for longer takes nothing
constexpr int kHostPids = 100'000;  // what a container's pids are more by outside

}  // namespace

Devices::Devices(World& world, const config::Plan& plan, std::function<void(const std::string& device)> lost,
                 std::function<void()> read)
    : world_(world),
      on_lost_(std::move(lost)),
      on_read_(std::move(read)),
      source_{{}, [this] { return latest_; }},
      gpus_(source_, world.schedule.ledger().reservations()) {
  const bool are_gpus = world_.random.Percent(50);
  tells_pids_ = world_.random.Percent(75);
  if (!are_gpus) return;
  for (const config::Device& device : plan.devices) {
    source_.uuids[device.name] = "GPU-" + device.name;
    devices_[device.name].total = device.memory + GiB(static_cast<std::uint64_t>(world_.random.Between(0, 8)));
  }
  TakeReading();
}

// ---- what becomes of them

void Devices::PlanStory(Duration faults_for) {
  if (!are_gpus()) return;
  world_.clock.After(kReadEvery, [this] { Read(); });
  for (const auto& [name, device] : devices_) {
    // In a container growth of others is not told from what ours have left behind: they stay as they are.
    const auto visits = tells_pids_ ? world_.random.Between(0, 5) : 0;
    for (std::int64_t i = 0; i < visits; ++i) {
      const Duration when = world_.random.Between(Duration(0), faults_for);
      world_.clock.After(when, [this, name = name, stays = std::min<Duration>(world_.random.Skewed(100ms, 3min), faults_for - when)] { Come(name, stays); });
    }
    if (!world_.random.Percent(25)) continue;
    const Duration when = world_.random.Between(Duration(0), faults_for);
    world_.clock.After(when, [this, name = name, stays = std::min<Duration>(world_.random.Skewed(100ms, 3min), faults_for - when)] { Lose(name, stays); });
  }
  if (!world_.random.Percent(20)) return;
  const Duration when = world_.random.Between(Duration(0), faults_for);
  world_.clock.After(when, [this] { answers_ = false; });
  world_.clock.After(when + std::min<Duration>(world_.random.Skewed(1s, 40s), faults_for - when), [this] { answers_ = true; });
}

void Devices::Come(const std::string& name, Duration stays) {
  Device& device = devices_[name];
  if (device.lost) return;
  const Bytes used{static_cast<std::uint64_t>(world_.random.Between(1, static_cast<std::int64_t>(device.total.count)))};
  const int pid = NewPid();
  device.holders[pid] = {{}, used};
  world_.Say("somebody else takes " + FormatBytes(used) + " on " + name + " for " + FormatDuration(stays));
  world_.clock.After(stays, [this, name, pid] { LetGo(name, pid); });
}

void Devices::Lose(const std::string& name, Duration stays) {
  Device& device = devices_[name];
  world_.Say(name + " is lost for " + FormatDuration(stays));
  device.lost = true;
  device.holders.clear();
  on_lost_(name);
  world_.clock.After(stays, [this, name] {
    world_.Say(name + " is back");
    devices_[name].lost = false;
  });
}

void Devices::Holds(const std::string& device, const Who& who, int pid, Bytes used) {
  if (are_gpus() && !devices_[device].lost) devices_[device].holders[pid] = {who, used};
}

void Devices::Loaded(const std::string& device) { devices_[device].loaded_at = world_.clock.now(); }

void Devices::LetGo(const std::string& device, int pid) { devices_[device].holders.erase(pid); }

// ---- what is read

void Devices::Read() {
  if (answers_) {
    TakeReading();
    on_read_();
  }
  world_.clock.After(kReadEvery, [this] { Read(); });
}

void Devices::TakeReading() {
  gpu::Inventory inventory;
  inventory.number = ++readings_;
  inventory.taken_at = world_.clock.now();
  for (const auto& [name, device] : devices_) inventory.gpus.push_back(ReadingOf(name, device));
  seen_ = devices_;
  latest_ = std::make_shared<const gpu::Inventory>(std::move(inventory));
}

gpu::Gpu Devices::ReadingOf(const std::string& name, const Device& device) const {
  gpu::Gpu gpu;
  gpu.uuid = source_.uuids.at(name);
  gpu.name = name;
  gpu.read_at = world_.clock.now();
  if (device.lost) gpu.lost = "Xid 79: it has fallen off the bus";
  gpu.memory = gpu::Memory{device.total, {}};
  gpu.processes.emplace();
  for (const auto& [pid, holder] : device.holders) {
    gpu.memory->used += holder.used;
    gpu.processes->push_back({tells_pids_ ? pid : pid + kHostPids, holder.used, ""});
  }
  gpu.memory->used = std::min(gpu.memory->used, device.total);
  return gpu;
}

// ---- what is promised

bool Devices::ChangedSince(TimePoint then) const {
  if (!are_gpus()) return false;
  const bool old_now = world_.clock.now() - read_at() > kMostAge, old_then = then - read_at() > kMostAge;
  return read_at() >= then || old_now != old_then;
}

launch::Turn Devices::Against(const std::string& device, const Who& who, Bytes needed, bool alone) const {
  if (!are_gpus()) return {};
  const Device& seen = seen_.at(device);
  if (seen.lost) return {device + " is lost", true};
  if (world_.clock.now() - read_at() > kMostAge) return {device + " does not answer", true};
  if (devices_.at(device).loaded_at >= read_at()) return {device + " was not read since the last one loaded there", false};
  if (alone && (!tells_pids_ || !gpus_.lists_pids())) return {};
  Bytes reserved, foreign, ours;
  for (const auto& held : world_.schedule.ledger().reservations()) {
    const bool other = held.device == device && Who(held.model, held.replica) != who;
    if (other && !alone) reserved += held.bytes;
  }
  for (const auto& [pid, holder] : seen.holders) (holder.who.first.empty() ? foreign : ours) += holder.used;
  const Bytes promised = tells_pids_ ? foreign + reserved : std::max(foreign + ours, reserved);
  return promised + needed <= seen.total ? launch::Turn{} : launch::Turn{device + " is crowded", true};
}

}  // namespace berth::sim
