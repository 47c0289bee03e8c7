// The calls of the fake, with the semantics of the real ones as far as their callers can tell: what must be
// initialised, sizes asked for first, versions in structures, what instances and divided GPUs do not support.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/fake_nvml/world.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace fake_nvml {
namespace {

std::atomic<int> initialised = 0;
[[maybe_unused]] std::atomic<std::size_t> xids_delivered = 0;
std::atomic<std::uint64_t> watched = 0;  // a bit for each GPU
[[maybe_unused]] char the_event_set;

Found Ask(const char* call, Handle handle) {
  if (initialised <= 0) return {kErrorUninitialized, {}, false, false};
  return Look(call, handle);
}

Return Copy(const std::string& text, char* out, unsigned length) {
  if (text.size() + 1 > length) return kErrorInsufficientSize;
  std::memcpy(out, text.c_str(), text.size() + 1);
  return kOk;
}

// A reading that only whole, undivided GPUs have.
template <class T>
Return Number(const char* call, Handle handle, const char* key, T* out) {
  const Found found = Ask(call, handle);
  if (found.code != kOk) return found.code;
  if (found.is_mig || !found.device.contains(key)) return kErrorNotSupported;
  *out = found.device.value(key, T{});
  return kOk;
}

ProcessInfo InfoOf(const Json& process) {
  const Json used = process.value("used", Json());
  return {process.value("pid", 0U), 0, used.is_null() ? ~uint64_t{0} : used.get<uint64_t>(), ~0U, ~0U};
}

std::vector<ProcessInfo> ProcessesOf(const Json& device, bool graphics) {
  std::vector<ProcessInfo> infos;
  for (const Json& process : device.value("processes", Json::array())) {
    if (process.value("graphics", false) == graphics) infos.push_back(InfoOf(process));
  }
  for (const Json& mig : device.value("mig", Json::array())) {
    for (const ProcessInfo& info : ProcessesOf(mig, graphics)) infos.push_back(info);
  }
  return infos;
}

Return Processes(const char* call, Handle handle, unsigned* count, void* out, bool graphics) {
  const Found found = Ask(call, handle);
  if (found.code != kOk) return found.code;
  const std::vector<ProcessInfo> infos = ProcessesOf(found.device, graphics);
  const unsigned room = *count;
  *count = static_cast<unsigned>(infos.size());
  if (infos.size() > room) return kErrorInsufficientSize;
  const bool wide = ReadWorld().value("wide_processes", false);
  auto* to = static_cast<unsigned char*>(out);
  for (const ProcessInfo& info : infos) {
    const WideProcessInfo element{info, 0};
    const std::size_t size = wide ? sizeof element : sizeof info;
    std::memcpy(to, &element, size);
    to += size;
  }
  return kOk;
}

uint64_t Sum(const Json& device, const char* key) { return device.value(key, uint64_t{0}); }

}  // namespace

EXPORTED Return nvmlInit_v2() {
  const Json world = ReadWorld();
  if (const Return code = Pass("nvmlInit_v2", world); code != kOk) return code;
  const auto code = static_cast<Return>(world.value("init", 0));
  if (code == kOk) ++initialised;
  return code;
}

EXPORTED Return nvmlShutdown() {
  if (initialised <= 0) return kErrorUninitialized;
  if (--initialised == 0) watched = 0;
  return kOk;
}

EXPORTED Return nvmlSystemGetDriverVersion(char* out, unsigned length) {
  return initialised > 0 ? Copy(ReadWorld().value("driver", "550.54.15"), out, length) : kErrorUninitialized;
}

EXPORTED Return nvmlDeviceGetCount_v2(unsigned* out) {
  if (initialised <= 0) return kErrorUninitialized;
  const Json world = ReadWorld();
  if (const Return code = Pass("nvmlDeviceGetCount_v2", world); code != kOk) return code;
  *out = static_cast<unsigned>(world.value("gpus", Json::array()).size());
  return kOk;
}

EXPORTED Return nvmlDeviceGetHandleByIndex_v2(unsigned index, Handle* out) {
  const Found found = Ask("nvmlDeviceGetHandleByIndex_v2", HandleOf(index));
  if (found.code == kOk) *out = HandleOf(index);
  return found.code;
}

EXPORTED Return nvmlDeviceGetUUID(Handle device, char* out, unsigned length) {
  const Found found = Ask("nvmlDeviceGetUUID", device);
  return found.code == kOk ? Copy(found.device.value("uuid", ""), out, length) : found.code;
}

EXPORTED Return nvmlDeviceGetName(Handle device, char* out, unsigned length) {
  const Found found = Ask("nvmlDeviceGetName", device);
  return found.code == kOk ? Copy(found.device.value("name", "NVIDIA Fake"), out, length) : found.code;
}

EXPORTED Return nvmlDeviceGetPciInfo_v3(Handle device, PciInfo* out) {
  const Found found = Ask("nvmlDeviceGetPciInfo_v3", device);
  if (found.code != kOk) return found.code;
  *out = PciInfo{};
  out->bus = found.device.value("bus", 0U);
  std::snprintf(out->bus_id, sizeof out->bus_id, "00000000:%02X:00.0", out->bus & 0xFFU);
  return kOk;
}

// This call counts what the driver reserves as used.
EXPORTED Return nvmlDeviceGetMemoryInfo(Handle device, MemoryInfo* out) {
  const Found found = Ask("nvmlDeviceGetMemoryInfo", device);
  if (found.code != kOk) return found.code;
  const uint64_t used = Sum(found.device, "used") + Sum(found.device, "reserved");
  *out = {Sum(found.device, "total"), Sum(found.device, "total") - used, used};
  return kOk;
}

EXPORTED Return nvmlDeviceGetComputeRunningProcesses_v2(Handle device, unsigned* count, void* out) {
  return Processes("nvmlDeviceGetComputeRunningProcesses_v2", device, count, out, false);
}

EXPORTED Return nvmlDeviceGetGraphicsRunningProcesses_v2(Handle device, unsigned* count, void* out) {
  return Processes("nvmlDeviceGetGraphicsRunningProcesses_v2", device, count, out, true);
}

EXPORTED Return nvmlDeviceGetTemperature(Handle device, int sensor, unsigned* out) {
  return sensor == 0 ? Number("nvmlDeviceGetTemperature", device, "temperature", out) : kErrorInvalidArgument;
}

EXPORTED Return nvmlDeviceGetUtilizationRates(Handle device, UtilizationRates* out) {
  const Found found = Ask("nvmlDeviceGetUtilizationRates", device);
  if (found.code != kOk) return found.code;
  if (found.is_mig || found.divided || !found.device.contains("utilization")) return kErrorNotSupported;
  *out = {found.device.value("utilization", 0U), found.device.value("memory_utilization", 0U)};
  return kOk;
}

EXPORTED Return nvmlDeviceGetPowerUsage(Handle device, unsigned* out) {
  return Number("nvmlDeviceGetPowerUsage", device, "power_mw", out);
}

EXPORTED Return nvmlDeviceGetEnforcedPowerLimit(Handle device, unsigned* out) {
  return Number("nvmlDeviceGetEnforcedPowerLimit", device, "power_limit_mw", out);
}

EXPORTED Return nvmlDeviceGetClockInfo(Handle device, int clock, unsigned* out) {
  return clock == 1 ? Number("nvmlDeviceGetClockInfo", device, "sm_mhz", out) : kErrorInvalidArgument;
}

#ifndef FAKE_NVML_OLD  // what later drivers brought

EXPORTED Return nvmlDeviceGetMemoryInfo_v2(Handle device, MemoryInfoV2* out) {
  if (out->version != kMemoryInfoV2Version) return kErrorArgumentVersionMismatch;
  const Found found = Ask("nvmlDeviceGetMemoryInfo_v2", device);
  if (found.code != kOk) return found.code;
  const uint64_t total = Sum(found.device, "total");
  const uint64_t reserved = Sum(found.device, "reserved");
  const uint64_t used = Sum(found.device, "used");
  *out = {out->version, 0, total, reserved, total - reserved - used, used};
  return kOk;
}

EXPORTED Return nvmlDeviceGetComputeRunningProcesses_v3(Handle device, unsigned* count, void* out) {
  return Processes("nvmlDeviceGetComputeRunningProcesses_v3", device, count, out, false);
}

EXPORTED Return nvmlDeviceGetGraphicsRunningProcesses_v3(Handle device, unsigned* count, void* out) {
  return Processes("nvmlDeviceGetGraphicsRunningProcesses_v3", device, count, out, true);
}

EXPORTED Return nvmlDeviceGetTotalEnergyConsumption(Handle device, unsigned long long* out) {
  return Number("nvmlDeviceGetTotalEnergyConsumption", device, "energy_mj", out);
}

EXPORTED Return nvmlDeviceGetTotalEccErrors(Handle device, int type, int counter, unsigned long long* out) {
  if (counter != 0 || type < 0 || type > 1) return kErrorInvalidArgument;
  return Number("nvmlDeviceGetTotalEccErrors", device, type == 0 ? "ecc_corrected" : "ecc_uncorrected", out);
}

EXPORTED Return nvmlDeviceGetRemappedRows(Handle device, unsigned* correctable, unsigned* uncorrectable,
                                          unsigned* pending, unsigned* failed) {
  *uncorrectable = *pending = *failed = 0;
  return Number("nvmlDeviceGetRemappedRows", device, "remapped_rows", correctable);
}

EXPORTED Return nvmlDeviceGetMigMode(Handle device, unsigned* current, unsigned* pending) {
  const Found found = Ask("nvmlDeviceGetMigMode", device);
  if (found.code != kOk) return found.code;
  if (found.is_mig) return kErrorInvalidArgument;
  *current = *pending = found.divided ? 1 : 0;
  return kOk;
}

EXPORTED Return nvmlDeviceGetMaxMigDeviceCount(Handle device, unsigned* out) {
  const Found found = Ask("nvmlDeviceGetMaxMigDeviceCount", device);
  *out = found.divided ? 7 : 0;
  return found.code;
}

EXPORTED Return nvmlDeviceGetMigDeviceHandleByIndex(Handle device, unsigned index, Handle* out) {
  const Found found = Ask("nvmlDeviceGetMigDeviceHandleByIndex", device);
  if (found.code != kOk) return found.code;
  if (!found.divided) return kErrorNotSupported;
  const Json instances = found.device.at("mig");
  const bool there = std::any_of(instances.begin(), instances.end(),
                                 [index](const Json& mig) { return mig.value("at", 0U) == index; });
  if (!there) return kErrorNotFound;
  *out = HandleOfInstance(device, index);
  return kOk;
}

EXPORTED Return nvmlDeviceGetAttributes_v2(Handle device, DeviceAttributes* out) {
  const Found found = Ask("nvmlDeviceGetAttributes_v2", device);
  if (found.code != kOk) return found.code;
  if (!found.is_mig) return kErrorInvalidArgument;
  *out = DeviceAttributes{};
  out->gpu_instance_slice_count = found.device.value("slices", 1U);
  out->compute_instance_slice_count = found.device.value("compute_slices", out->gpu_instance_slice_count);
  out->memory_size_mb = Sum(found.device, "total") >> 20;
  return kOk;
}

EXPORTED Return nvmlDeviceGetFieldValues(Handle device, int count, Field* fields) {
  const Found found = Ask("nvmlDeviceGetFieldValues", device);
  if (found.code != kOk) return found.code;
  const Json throttled = found.device.value("throttled_ns", Json::object());
  for (Field* field = fields; field != fields + count; ++field) {
    const std::string number = std::to_string(field->field_id);
    field->nvml_return = kErrorNotSupported;
    if (field->field_id == 82 && found.device.contains("memory_temperature")) {
      field->nvml_return = kOk;
      field->value_type = kValueUnsigned32;
      field->value = 0xDEAD'BEEF'0000'0000U | found.device.value("memory_temperature", 0U);  // the rest is not written
    } else if (throttled.contains(number)) {
      field->nvml_return = kOk;
      field->value_type = kValueUnsigned64;
      field->value = throttled.value(number, uint64_t{0});
    }
  }
  return kOk;
}

EXPORTED Return nvmlEventSetCreate(Handle* out) {
  *out = &the_event_set;
  return initialised > 0 ? kOk : kErrorUninitialized;
}

EXPORTED Return nvmlEventSetFree(Handle set) { return set == &the_event_set ? kOk : kErrorInvalidArgument; }

EXPORTED Return nvmlDeviceRegisterEvents(Handle device, unsigned long long types, Handle set) {
  const Found found = Ask("nvmlDeviceRegisterEvents", device);
  if (found.code != kOk) return found.code;
  if (types != kEventXidCriticalError || set != &the_event_set) return kErrorInvalidArgument;
  if (watched == 0) xids_delivered = ReadWorld().value("xids", Json::array()).size();
  watched |= uint64_t{1} << IndexOf(device);
  return kOk;
}

EXPORTED Return nvmlEventSetWait_v2(Handle set, Event* out, unsigned timeout_ms) {
  if (initialised <= 0) return kErrorUninitialized;
  if (set != &the_event_set) return kErrorInvalidArgument;
  const Json world = ReadWorld();
  if (const Return code = Pass("nvmlEventSetWait_v2", world); code != kOk) return code;
  const Json xids = world.value("xids", Json::array());
  while (xids_delivered < xids.size()) {
    const Json& xid = xids[xids_delivered++];
    const unsigned gpu = xid.value("gpu", 0U);
    if ((watched & uint64_t{1} << gpu) == 0) continue;
    *out = {HandleOf(gpu), kEventXidCriticalError, xid.value("xid", uint64_t{0}), ~0U, ~0U};
    return kOk;
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(timeout_ms));
  return kErrorTimeout;
}

#endif

}  // namespace fake_nvml
