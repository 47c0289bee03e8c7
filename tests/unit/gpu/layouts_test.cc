// The supervisor's declarations of NVML's layouts beside those of the fake, which were written apart from them.
#include <gtest/gtest.h>

#include "supervisor/gpu/nvml_abi.h"
#include "tests/support/fake_nvml/layouts.h"

namespace berth::gpu {
namespace {

#define SAME_SIZE(ours, theirs) static_assert(sizeof(abi::ours) == sizeof(fake_nvml::theirs))
#define SAME_FIELD(ours, field, theirs, its)                                        \
  static_assert(offsetof(abi::ours, field) == offsetof(fake_nvml::theirs, its) &&   \
                sizeof(abi::ours::field) == sizeof(fake_nvml::theirs::its))

SAME_SIZE(Memory, MemoryInfo);
SAME_FIELD(Memory, total, MemoryInfo, total);
SAME_FIELD(Memory, free, MemoryInfo, free);
SAME_FIELD(Memory, used, MemoryInfo, used);

SAME_SIZE(MemoryV2, MemoryInfoV2);
SAME_FIELD(MemoryV2, version, MemoryInfoV2, version);
SAME_FIELD(MemoryV2, total, MemoryInfoV2, total);
SAME_FIELD(MemoryV2, reserved, MemoryInfoV2, reserved);
SAME_FIELD(MemoryV2, free, MemoryInfoV2, free);
SAME_FIELD(MemoryV2, used, MemoryInfoV2, used);
static_assert(abi::kMemoryV2 == fake_nvml::kMemoryInfoV2Version);

SAME_SIZE(Process, ProcessInfo);
SAME_FIELD(Process, pid, ProcessInfo, pid);
SAME_FIELD(Process, used, ProcessInfo, used_gpu_memory);
SAME_FIELD(Process, gpu_instance, ProcessInfo, gpu_instance_id);
SAME_FIELD(Process, compute_instance, ProcessInfo, compute_instance_id);
static_assert(abi::kWideProcess == sizeof(fake_nvml::WideProcessInfo));

SAME_SIZE(Pci, PciInfo);
SAME_FIELD(Pci, domain, PciInfo, domain);
SAME_FIELD(Pci, bus, PciInfo, bus);
SAME_FIELD(Pci, device, PciInfo, device);
SAME_FIELD(Pci, device_id, PciInfo, pci_device_id);
SAME_FIELD(Pci, subsystem_id, PciInfo, pci_subsystem_id);
SAME_FIELD(Pci, bus_id, PciInfo, bus_id);

SAME_SIZE(Utilization, UtilizationRates);
SAME_FIELD(Utilization, gpu, UtilizationRates, gpu);
SAME_FIELD(Utilization, memory, UtilizationRates, memory);

SAME_SIZE(Attributes, DeviceAttributes);
SAME_FIELD(Attributes, multiprocessors, DeviceAttributes, multiprocessor_count);
SAME_FIELD(Attributes, gpu_slices, DeviceAttributes, gpu_instance_slice_count);
SAME_FIELD(Attributes, compute_slices, DeviceAttributes, compute_instance_slice_count);
SAME_FIELD(Attributes, memory_mib, DeviceAttributes, memory_size_mb);

SAME_SIZE(EventData, Event);
SAME_FIELD(EventData, device, Event, device);
SAME_FIELD(EventData, type, Event, event_type);
SAME_FIELD(EventData, data, Event, event_data);
SAME_FIELD(EventData, gpu_instance, Event, gpu_instance_id);
SAME_FIELD(EventData, compute_instance, Event, compute_instance_id);
static_assert(abi::kXidCriticalError == fake_nvml::kEventXidCriticalError);

SAME_SIZE(FieldValue, Field);
SAME_FIELD(FieldValue, field, Field, field_id);
SAME_FIELD(FieldValue, scope, Field, scope_id);
SAME_FIELD(FieldValue, type, Field, value_type);
SAME_FIELD(FieldValue, code, Field, nvml_return);
SAME_FIELD(FieldValue, as_unsigned_64, Field, value);

static_assert(static_cast<int>(abi::Code::kNotSupported) == fake_nvml::kErrorNotSupported);
static_assert(static_cast<int>(abi::Code::kInsufficientSize) == fake_nvml::kErrorInsufficientSize);
static_assert(static_cast<int>(abi::Code::kTimeout) == fake_nvml::kErrorTimeout);
static_assert(static_cast<int>(abi::Code::kGpuIsLost) == fake_nvml::kErrorGpuIsLost);
static_assert(abi::kUnsigned == fake_nvml::kValueUnsigned32 && abi::kUnsigned64 == fake_nvml::kValueUnsigned64);

}  // namespace
}  // namespace berth::gpu
