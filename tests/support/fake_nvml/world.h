// The GPUs of the fake: the JSON file that the environment's BERTH_FAKE_NVML names, read anew at each call, so that a
// test changes the world by renaming another file over it. Sizes are bytes. All keys are optional:
//
//   {"init": 0, "driver": "550.54.15",
//    "errors": {"nvmlDeviceGetPowerUsage": 3}, "delay_ms": {"nvmlDeviceGetPowerUsage": 3000},   calls, for all GPUs
//    "wide_processes": true,                               elements of 32 bytes, as the first drivers 535 have them
//    "xids": [{"gpu": 0, "xid": 79}],                      delivered once if appended while it is watched
//    "gpus": [{"uuid": "GPU-…", "name": "…", "bus": 23, "total": …, "reserved": …, "used": …,
//              "temperature": 41, "memory_temperature": 50, "utilization": 75, "memory_utilization": 20,
//              "power_mw": 250000, "power_limit_mw": 700000, "energy_mj": …, "sm_mhz": 1980,
//              "ecc_corrected": 1, "ecc_uncorrected": 0, "remapped_rows": 2, "throttled_ns": {"74": …},
//              "processes": [{"pid": 4711, "used": …, "graphics": false}],  "used": null is "not available"
//              "lost": true, "errors": {…}, "delay_ms": {…},                as above, of this GPU
//              "mig": [{"at": 0, "uuid": "MIG-…", "total": …, "used": …, "slices": 1, "compute_slices": 1,
//                       "processes": […]}]}]}                               present, even empty: MIG is on
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/fake_nvml/layouts.h"

namespace fake_nvml {

using Json = nlohmann::json;

Json ReadWorld();

// A device that a call is about: a GPU, or an instance of one.
struct Found {
  Return code = kOk;  // why the call fails
  Json device;        // of the GPU or the instance
  bool is_mig = false;
  bool divided = false;
};
// Sleeps as the world says, then looks up what the call would find.
Found Look(const char* call, Handle handle);
// The same for calls about no device.
Return Pass(const char* call, const Json& world);

Handle HandleOf(unsigned gpu);
Handle HandleOfInstance(Handle gpu, unsigned index);
// Its place among the world's "gpus".
std::size_t IndexOf(Handle handle);

}  // namespace fake_nvml
