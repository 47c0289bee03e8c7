// What GPUs there are and how they are, at one instant, as plain values. The reader (reader.h) makes one a second and
// hands it over; whoever has one may keep it and share it, nothing in it changes. What the driver does not say is
// empty, never 0. Pure: no NVML, no clock, no file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/duration.h"
#include "supervisor/base/result.h"

namespace berth::gpu {

struct Process {
  int pid = 0;                // as NVML says it: in a container that of the host
  std::optional<Bytes> used;  // of this device
  std::string name;           // of /proc, empty where that is not readable
};
// "pid 4711 (python3) with 12 GiB"
std::string Describe(const Process& process);

struct Memory {
  Bytes total;  // without what the driver reserves for itself: what processes can have
  Bytes used;   // by all processes
};

// Readings for people; none decides anything.
struct Gauges {
  std::optional<double> celsius;
  std::optional<double> memory_celsius;
  std::optional<double> watts;
  std::optional<double> limit_watts;
  std::optional<double> joules;  // since the driver was loaded
  std::optional<double> busy;         // share of the last period in which a kernel ran, 0 to 1
  std::optional<double> memory_busy;  // … in which memory was read or written
  std::optional<double> sm_hertz;
  std::optional<std::uint64_t> ecc_corrected;  // since the driver was loaded
  std::optional<std::uint64_t> ecc_uncorrected;
  std::optional<std::uint64_t> remapped_rows;
  std::map<std::string, double> throttled_seconds;  // by reason; since the driver was loaded
};

// What a worker can be given: a GPU, or one MIG instance of one.
struct Gpu {
  int index = 0;           // of the GPU, in the order of PCI addresses, as nvidia-smi counts
  int mig_index = -1;      // which instance of it; -1: the GPU itself
  std::string uuid;        // empty: it was lost before it could be asked
  std::string name;        // "NVIDIA H100 80GB HBM3"; an instance has its GPU's
  std::string pci;         // "00000000:17:00.0"
  std::string mig_profile; // of an instance: "1g.10gb"
  bool divided = false;    // MIG is on: only its instances can be used
  std::string lost;        // why it cannot be used; empty: it can
  TimePoint read_at{};     // when what follows was read: older than the inventory where the GPU does not answer
  std::optional<Memory> memory;
  std::optional<std::vector<Process>> processes;
  std::map<std::uint64_t, std::uint64_t> xids;  // how many of each, since the reader began
  Gauges gauges;

  bool is_mig() const { return mig_index >= 0; }
};

struct Inventory {
  std::uint64_t number = 0;  // of the reading, from 1; 0: none yet
  TimePoint taken_at{};
  Duration took{};
  std::string error;         // why NVML gives nothing; empty: it does
  std::string driver;        // version
  std::vector<Gpu> gpus;     // in the order of PCI addresses, each followed by its instances

  bool up() const { return number > 0 && error.empty(); }
};

// "0", "0:1": how a plan may name it besides its UUID.
std::string Position(const Gpu& gpu);
// The beginning of the UUID that people recognize, a bounded label: "GPU-5f1c2a3b".
std::string ShortUuid(const Gpu& gpu);
// "GPU 0 (GPU-5f1c2a3b, NVIDIA H100 80GB HBM3)"
std::string Describe(const Gpu& gpu);

const Gpu* FindUuid(const Inventory& inventory, std::string_view uuid);

// The device that the plan's `cuda` means: a UUID of a GPU or of a MIG instance, its beginning where only one begins
// so, an index ("0"), or that of an instance ("0:1"). Errors list what there is: kNotFound; kInvalid, it fits several,
// or the GPU is divided into instances; kUnavailable, NVML gives nothing, or the GPU is lost.
Result<Gpu> Find(const Inventory& inventory, const std::string& cuda);

// GPUs that are not divided, and instances: what a plan without `devices` gets.
std::vector<Gpu> Usable(const Inventory& inventory);

}  // namespace berth::gpu
