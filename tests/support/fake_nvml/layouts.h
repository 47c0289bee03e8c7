// What NVML's calls read and write, written down from the published header a second time and apart from the
// supervisor's declarations (supervisor/gpu/nvml_abi.h): fixed widths, with every gap spelled out. A test compares the
// two; a mistake would have to be made twice.
#pragma once

#include <cstdint>

namespace fake_nvml {

using Handle = void*;

enum Return : int32_t {
  kOk = 0,
  kErrorUninitialized = 1,
  kErrorInvalidArgument = 2,
  kErrorNotSupported = 3,
  kErrorNotFound = 6,
  kErrorInsufficientSize = 7,
  kErrorTimeout = 10,
  kErrorGpuIsLost = 15,
  kErrorArgumentVersionMismatch = 25,
  kErrorUnknown = 999,
};

struct MemoryInfo {
  uint64_t total;
  uint64_t free;
  uint64_t used;
};

struct MemoryInfoV2 {
  uint32_t version;
  uint32_t gap;
  uint64_t total;
  uint64_t reserved;
  uint64_t free;
  uint64_t used;
};
constexpr uint32_t kMemoryInfoV2Version = 40 + 2 * 0x1000000;

struct ProcessInfo {
  uint32_t pid;
  uint32_t gap;
  uint64_t used_gpu_memory;
  uint32_t gpu_instance_id;
  uint32_t compute_instance_id;
};

// Drivers 535.43 to 535.86.
struct WideProcessInfo {
  ProcessInfo narrow;
  uint64_t protected_memory;
};

struct PciInfo {
  char bus_id_legacy[16];
  uint32_t domain;
  uint32_t bus;
  uint32_t device;
  uint32_t pci_device_id;
  uint32_t pci_subsystem_id;
  char bus_id[32];
};

struct UtilizationRates {
  uint32_t gpu;
  uint32_t memory;
};

struct DeviceAttributes {
  uint32_t multiprocessor_count;
  uint32_t shared_copy_engine_count;
  uint32_t shared_decoder_count;
  uint32_t shared_encoder_count;
  uint32_t shared_jpeg_count;
  uint32_t shared_ofa_count;
  uint32_t gpu_instance_slice_count;
  uint32_t compute_instance_slice_count;
  uint64_t memory_size_mb;
};

struct Event {
  Handle device;
  uint64_t event_type;
  uint64_t event_data;
  uint32_t gpu_instance_id;
  uint32_t compute_instance_id;
};
constexpr uint64_t kEventXidCriticalError = 0x8;

struct Field {
  uint32_t field_id;
  uint32_t scope_id;
  int64_t timestamp;
  int64_t latency_usec;
  int32_t value_type;
  int32_t nvml_return;
  uint64_t value;  // a union of eight bytes
};
constexpr int32_t kValueUnsigned32 = 1;
constexpr int32_t kValueUnsigned64 = 3;

}  // namespace fake_nvml
