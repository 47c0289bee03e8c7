// The binary interface of NVML as far as the supervisor uses it: layouts, constants and signatures of
// libnvidia-ml.so.1, declared by us so that nothing of NVIDIA's is needed to build. Sizes, offsets and values are
// those of NVIDIA's published nvml.h (API version 13, and 11 and 12 where they differ); each is asserted below, for
// a 64-bit System V ABI. Facts only: what the calls mean is said in nvml.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace berth::gpu::abi {

static_assert(sizeof(void*) == 8 && sizeof(unsigned) == 4 && sizeof(unsigned long long) == 8);

// Opaque. Those of GPUs stay valid until shutdown, those of MIG instances until these are destroyed.
using Device = struct DeviceTag*;
using EventSet = struct EventSetTag*;

// What a call returned; the numbers are NVML's.
enum class Code : int {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNoPermission = 4,
  kNotFound = 6,
  kInsufficientSize = 7,
  kDriverNotLoaded = 9,
  kTimeout = 10,
  kLibraryNotFound = 12,
  kFunctionNotFound = 13,
  kGpuIsLost = 15,
  kResetRequired = 16,
  kOperatingSystem = 17,
  kVersionMismatch = 18,
  kUnknown = 999,
};

constexpr unsigned kUuidSize = 96;
constexpr unsigned kNameSize = 96;
constexpr unsigned kDriverVersionSize = 80;

constexpr std::uint64_t kNotAvailable = ~0ULL;  // of a process's memory
constexpr unsigned kNoInstance = ~0U;           // of a GPU that has no MIG instances
constexpr std::uint64_t kXidCriticalError = 8;  // an event type
constexpr unsigned kMigEnabled = 1;
constexpr int kTemperatureOfGpu = 0;
constexpr int kClockOfSm = 1;
constexpr int kEccCorrected = 0;
constexpr int kEccUncorrected = 1;
constexpr int kEccSinceDriverLoad = 0;

struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;  // with what the driver reserves
};
static_assert(sizeof(Memory) == 24 && offsetof(Memory, free) == 8 && offsetof(Memory, used) == 16);

struct MemoryV2 {
  unsigned version;  // set by the caller
  unsigned long long total;
  unsigned long long reserved;  // by the driver and the firmware
  unsigned long long free;
  unsigned long long used;  // without what is reserved
};
static_assert(sizeof(MemoryV2) == 40 && offsetof(MemoryV2, total) == 8 && offsetof(MemoryV2, reserved) == 16 &&
              offsetof(MemoryV2, free) == 24 && offsetof(MemoryV2, used) == 32);
constexpr unsigned kMemoryV2 = sizeof(MemoryV2) | 2U << 24;
static_assert(kMemoryV2 == 0x2000028);

// As the calls …_v2 and …_v3 fill it in.
struct Process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance;
  unsigned compute_instance;
};
static_assert(sizeof(Process) == 24 && offsetof(Process, used) == 8 && offsetof(Process, gpu_instance) == 16 &&
              offsetof(Process, compute_instance) == 20);
// The first drivers of series 535 append a number to each element, under the same name of the call.
constexpr std::size_t kWideProcess = 32;

struct Pci {
  char legacy_bus_id[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned device_id;
  unsigned subsystem_id;
  char bus_id[32];
};
static_assert(sizeof(Pci) == 68 && offsetof(Pci, domain) == 16 && offsetof(Pci, bus) == 20 &&
              offsetof(Pci, device) == 24 && offsetof(Pci, device_id) == 28 && offsetof(Pci, subsystem_id) == 32 &&
              offsetof(Pci, bus_id) == 36);

struct Utilization {
  unsigned gpu;     // percent of the last period in which a kernel ran
  unsigned memory;  // … in which memory was read or written
};
static_assert(sizeof(Utilization) == 8 && offsetof(Utilization, memory) == 4);

struct Attributes {
  unsigned multiprocessors;
  unsigned copy_engines;
  unsigned decoders;
  unsigned encoders;
  unsigned jpeg_engines;
  unsigned ofa_engines;
  unsigned gpu_slices;
  unsigned compute_slices;
  unsigned long long memory_mib;
};
static_assert(sizeof(Attributes) == 40 && offsetof(Attributes, gpu_slices) == 24 &&
              offsetof(Attributes, compute_slices) == 28 && offsetof(Attributes, memory_mib) == 32);

struct EventData {
  Device device;
  unsigned long long type;
  unsigned long long data;  // of an Xid event: which
  unsigned gpu_instance;
  unsigned compute_instance;
};
static_assert(sizeof(EventData) == 32 && offsetof(EventData, type) == 8 && offsetof(EventData, data) == 16 &&
              offsetof(EventData, gpu_instance) == 24 && offsetof(EventData, compute_instance) == 28);

struct FieldValue {
  unsigned field;  // set by the caller
  unsigned scope;  // set by the caller
  long long timestamp;
  long long latency;
  int type;  // which member of the union
  Code code;
  union {
    double as_double;
    unsigned as_unsigned;
    unsigned long long as_unsigned_64;
    long long as_signed_64;
    int as_signed;
    unsigned short as_unsigned_16;
  };
};
static_assert(sizeof(FieldValue) == 40 && offsetof(FieldValue, timestamp) == 8 && offsetof(FieldValue, latency) == 16 &&
              offsetof(FieldValue, type) == 24 && offsetof(FieldValue, code) == 28 &&
              offsetof(FieldValue, as_unsigned) == 32);
enum ValueType : int { kDouble = 0, kUnsigned = 1, kUnsignedLong = 2, kUnsigned64 = 3, kSigned64 = 4, kSigned = 5, kUnsigned16 = 6 };
// Field numbers. The times are nanoseconds in which the clocks were held down for one reason.
constexpr unsigned kThrottledByPower = 74;
constexpr unsigned kThrottledByTemperature = 75;
constexpr unsigned kThrottledBySyncBoost = 76;
constexpr unsigned kThrottledByBoardLimit = 77;
constexpr unsigned kThrottledByReliability = 79;
constexpr unsigned kMemoryTemperature = 82;

}  // namespace berth::gpu::abi
