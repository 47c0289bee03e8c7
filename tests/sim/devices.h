// The GPUs of a simulation: what is truly on each, ours and others', what becomes of it (others come and go, a GPU is
// lost and comes back, the driver does not answer for a while), and what the last reading says, which is all that the
// decisions see. On a simulated host without GPUs there is nothing here, and nobody asks.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "supervisor/launch/gpu_place.h"
#include "supervisor/launch/turn.h"
#include "tests/sim/world.h"

namespace berth::sim {

class Devices {
 public:
  using Who = launch::Gpus::Who;
  // `lost`: a device was; what was on it is not there any more.
  Devices(World& world, const config::Plan& plan, std::function<void(const std::string& device)> lost,
          std::function<void()> read);
  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;

  void PlanStory(Duration faults_for);

  bool are_gpus() const { return !source_.uuids.empty(); }
  launch::Gpus& gpus() { return gpus_; }
  // In a container NVML's pids are the host's, and nobody can be told from anybody.
  bool tells_pids() const { return tells_pids_; }
  // What the last reading says is another thing now, and nobody announces it.
  bool ChangedSince(TimePoint then) const;

  int NewPid() { return ++last_pid_; }
  void Holds(const std::string& device, const Who& who, int pid, Bytes used);  // a process of ours, from now on
  void Loaded(const std::string& device);                                      // one of ours, just now
  void LetGo(const std::string& device, int pid);
  bool IsHeld(const std::string& device, int pid) const { return devices_.at(device).holders.contains(pid); }

  // Why nothing that needs so much may begin there, as it is spoken: by what was so when the device was last read.
  // `alone`: though no other replica of ours were there; where ours cannot be told from strangers, nobody knows.
  launch::Turn Against(const std::string& device, const Who& who, Bytes needed, bool alone) const;

 private:
  struct Holder {
    Who who;  // a model without a name: not ours
    Bytes used;
  };
  struct Device {
    Bytes total;
    bool lost = false;
    std::map<int, Holder> holders;  // by pid
    TimePoint loaded_at{};
  };

  TimePoint read_at() const { return latest_->taken_at; }
  void Read();
  void TakeReading();
  void Come(const std::string& name, Duration stays);
  void Lose(const std::string& name, Duration stays);
  gpu::Gpu ReadingOf(const std::string& name, const Device& device) const;

  World& world_;
  const std::function<void(const std::string&)> on_lost_;
  const std::function<void()> on_read_;
  std::map<std::string, Device> devices_;
  std::map<std::string, Device> seen_;  // at the last reading
  bool tells_pids_ = true;
  bool answers_ = true;  // the driver
  int last_pid_ = 1000;
  std::uint64_t readings_ = 0;
  std::shared_ptr<const gpu::Inventory> latest_ = std::make_shared<gpu::Inventory>();
  launch::GpuSource source_;
  launch::Gpus gpus_;
};

}  // namespace berth::sim
