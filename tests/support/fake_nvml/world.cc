#include "tests/support/fake_nvml/world.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace fake_nvml {
namespace {

// A handle is no address: the GPU's place, from 1, above the instance's, from 1; 0 there is the GPU itself.
constexpr std::uintptr_t kInstanceBits = 8;

void Sleep(const Json& where, const char* call) {
  const int delay_ms = where.value("delay_ms", Json::object()).value(call, 0);
  if (delay_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
}

Return ErrorOf(const Json& where, const char* call) {
  return static_cast<Return>(where.value("errors", Json::object()).value(call, 0));
}

std::size_t InstanceOf(Handle handle) {
  return reinterpret_cast<std::uintptr_t>(handle) & ((1U << kInstanceBits) - 1);
}

}  // namespace

Json ReadWorld() {
  const char* path = std::getenv("BERTH_FAKE_NVML");
  std::ifstream in(path == nullptr ? "" : path);
  Json world = Json::parse(in, nullptr, false);
  return world.is_object() ? world : Json::object();
}

Return Pass(const char* call, const Json& world) {
  Sleep(world, call);
  return ErrorOf(world, call);
}

Found Look(const char* call, Handle handle) {
  const Json world = ReadWorld();
  if (const Return code = Pass(call, world); code != kOk) return {code, {}, false, false};
  const Json gpus = world.value("gpus", Json::array());
  if (IndexOf(handle) >= gpus.size()) return {kErrorInvalidArgument, {}, false, false};
  const Json& gpu = gpus[IndexOf(handle)];
  Sleep(gpu, call);
  if (gpu.value("lost", false)) return {kErrorGpuIsLost, {}, false, false};
  if (const Return code = ErrorOf(gpu, call); code != kOk) return {code, {}, false, false};
  const std::size_t instance = InstanceOf(handle);
  if (instance == 0) return {kOk, gpu, false, gpu.contains("mig")};
  for (const Json& mig : gpu.value("mig", Json::array())) {
    if (mig.value("at", 0U) + 1 == instance) return {kOk, mig, true, false};
  }
  return {kErrorInvalidArgument, {}, false, false};
}

Handle HandleOf(unsigned gpu) { return reinterpret_cast<Handle>((std::uintptr_t{gpu} + 1) << kInstanceBits); }

Handle HandleOfInstance(Handle gpu, unsigned index) {
  return reinterpret_cast<Handle>(reinterpret_cast<std::uintptr_t>(gpu) + index + 1);
}

std::size_t IndexOf(Handle handle) { return (reinterpret_cast<std::uintptr_t>(handle) >> kInstanceBits) - 1; }

}  // namespace fake_nvml
