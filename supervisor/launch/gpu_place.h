// A replica's place on its GPUs: may its load begin beside what others hold there, which UUIDs is its worker to see,
// have they let go of it once its process is reaped. Decided by the readings of supervisor/gpu and the ledger; a
// replica on the CPU has an empty place, which never objects and is gone at once. Control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/gpu/tenancy.h"
#include "supervisor/launch/turn.h"
#include "supervisor/placement/ledger.h"
#include "supervisor/placement/placement.h"

namespace berth::launch {

// Where readings come from. Empty on a host whose plan has no GPU.
struct GpuSource {
  std::map<std::string, std::string> uuids;  // of the plan's devices that are GPUs, by their names
  std::function<std::shared_ptr<const gpu::Inventory>()> latest;  // never waits, never null
};

// All places, as a fleet shares them: who runs where, in which order they came.
class Gpus {
 public:
  // `reservations`: the ledger's. Both outlive this.
  Gpus(const GpuSource& source, const std::vector<placement::Ledger::Reservation>& reservations)
      : source_(source), reservations_(reservations) {}

  std::string UuidOf(const std::string& device) const;  // empty: it is no GPU
  std::shared_ptr<const gpu::Inventory> Latest() const { return source_.latest(); }

  using Who = std::pair<std::string, int>;  // model and replica
  void Came(const Who& who) { order_[who] = ++came_; }
  void Runs(const Who& who, int pid) { pids_[who] = pid; }
  void Left(const Who& who) {  // nothing of its last process is on the device
    order_.erase(who);
    pids_.erase(who);
  }
  // A load there is over: what the device holds now is known from its next reading on.
  void Loaded(const std::string& device, TimePoint now) { loaded_at_[device] = now; }
  TimePoint LoadedAt(const std::string& device) const {
    const auto found = loaded_at_.find(device);
    return found == loaded_at_.end() ? TimePoint::min() : found->second;
  }

  std::vector<gpu::Tenant> OthersOn(const std::string& device, const Who& who) const;
  // By those who came to the device after `who` and have not left it: who backs off has a reservation, and uses nothing.
  Bytes ReservedSince(const std::string& device, const Who& who) const;

  // Some worker was listed by the pid that we know: then all are.
  bool lists_pids() const { return lists_pids_; }
  void ListsPids() { lists_pids_ = true; }

 private:
  const GpuSource& source_;
  const std::vector<placement::Ledger::Reservation>& reservations_;
  std::map<Who, int> pids_;
  std::map<Who, std::uint64_t> order_;
  std::map<std::string, TimePoint> loaded_at_;
  std::uint64_t came_ = 0;
  bool lists_pids_ = false;
};

class GpuPlace {
 public:
  GpuPlace(Gpus& gpus, const placement::Assignment& assignment);

  // Those that its worker sees, in the order of the assignment; none on the CPU.
  std::vector<std::string> uuids() const;
  bool on_gpu() const { return !spots_.empty(); }

  // Why no process may begin there now; hopeless: not before somebody else's use of it ends, or a fault. `alone`: as far
  // as that is known, though all other replicas gave way.
  Turn Objection(TimePoint now, bool alone = false) const;
  void Begins();            // a process is about to be started
  void Runs(int pid);       // it was
  void Loaded(TimePoint now);
  void Look();              // about once a second, while it runs
  void Reaped(TimePoint now);
  bool Gone();              // nothing of the last process is left

 private:
  struct Spot {
    std::string device;
    std::string uuid;
    gpu::Stay stay = {};
  };

  Turn ObjectionOf(const Spot& spot, TimePoint now, bool alone) const;

  Gpus& gpus_;
  const Gpus::Who who_;
  const Bytes needed_;      // on each
  std::vector<Spot> spots_;
  bool ran_ = false;        // a process was started since Begins()
  TimePoint reaped_at_{};
};

}  // namespace berth::launch
