// Who holds a GPU's memory: ours or others, may a load begin beside them, has a process let go. Pure: compares a
// reading (inventory.h) with what the ledger says. The ledger alone decides what of a device is promised to whom;
// foreign use only limits what may begin now.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/gpu/inventory.h"

namespace berth::gpu {

// One of our replicas that holds a reservation on a device.
struct Tenant {
  int pid = 0;  // 0: it has no process yet, or no more
  Bytes reserved;
};

// In a container NVML says the pids of the host, and ours among them cannot be told from others.
enum class PidView { kOurs, kHosts };
// kHosts: some of ours have processes and none is listed, be it that they have not opened the device yet. `listed`:
// some worker was, on any device, at any time; then the pids are ours for good.
PidView ViewOf(const Gpu& gpu, std::span<const Tenant> ours, bool listed = false);

struct ForeignUse {
  Bytes bytes;                     // all that is used and not ours
  std::vector<Process> processes;  // the largest first; none where they cannot be told from ours
};
// By our processes' own readings; where they are not to be had, by our reservations, as if all were used.
ForeignUse ForeignOn(const Gpu& gpu, std::span<const Tenant> ours, bool listed = false);

// Whether `pid` is listed on the device. A device that is not there lists nobody.
bool Shows(const Inventory& inventory, std::string_view uuid, int pid);

// Why nothing may begin on the device, however small: it is lost, is not there, or has not been read for a while.
std::optional<std::string> Unusable(const Inventory& inventory, std::string_view uuid, TimePoint now);

// Why no load of `needed` bytes may begin on the device now, though the ledger has room: it is unusable, or others hold
// so much of it that not all of `ours` and this one fit. Names the largest of them with pid and size. Nothing: it may.
std::optional<std::string> Objection(const Inventory& inventory, std::string_view uuid, Bytes needed,
                                     std::span<const Tenant> ours, TimePoint now, bool listed = false);

// What was seen of a process while it lived, for the proof that the device let go of it.
struct Stay {
  int pid = 0;
  bool listed = false;   // was it ever, by this pid?
  std::optional<Bytes> used_before;  // of the device, read before it was started; nothing: it did not tell
  Bytes reserved_since;  // by replicas that began on the device after it, and still hold it
};
// Whether a process that was reaped at `reaped_at` holds nothing of the device any more. Needs a reading begun after
// that. Where it was listed: it no longer is. Else (in a container) the device must be back at what it was. Nothing of
// a lost device is held.
bool ProvenGone(const Inventory& inventory, std::string_view uuid, const Stay& stay, TimePoint reaped_at);

}  // namespace berth::gpu
