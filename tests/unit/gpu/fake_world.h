// Tests with the fake libnvidia-ml.so.1 (tests/support/fake_nvml): a world that a test sets and changes.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "supervisor/gpu/nvml.h"

namespace berth::gpu {

using Json = nlohmann::json;

constexpr const char* kNewLibrary = BERTH_FAKE_NVML_DIR "/new/libnvidia-ml.so.1";
constexpr const char* kOldLibrary = BERTH_FAKE_NVML_DIR "/old/libnvidia-ml.so.1";
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

class FakeWorld : public testing::Test {
 protected:
  FakeWorld() {
    ::setenv("BERTH_FAKE_NVML", path_.c_str(), 1);
    Set({});
  }
  ~FakeWorld() override {
    // The variable stays: a reader's thread may have been left behind, blocked, and reads it once more.
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  void Set(const Json& world) {
    const std::filesystem::path next = path_.string() + ".next";
    std::ofstream(next) << world;
    std::filesystem::rename(next, path_);
  }

  static Json H100(const std::string& uuid, Json more = Json::object()) {
    Json gpu = {{"uuid", uuid}, {"name", "NVIDIA H100 80GB HBM3"}, {"bus", 0x17}, {"total", 80 * kGiB},
                {"reserved", kGiB}, {"used", 2 * kGiB}, {"temperature", 41}, {"memory_temperature", 52},
                {"utilization", 75}, {"memory_utilization", 20}, {"power_mw", 250'500}, {"power_limit_mw", 700'000},
                {"energy_mj", 5'000'250}, {"sm_mhz", 1980}, {"ecc_corrected", 3}, {"ecc_uncorrected", 0},
                {"remapped_rows", 2}, {"throttled_ns", {{"74", 1'500'000'000}, {"75", 0}}}};
    gpu.update(more);
    return gpu;
  }

  static std::unique_ptr<Nvml> Loaded(const char* library = kNewLibrary) {
    auto nvml = Nvml::Load(library);
    EXPECT_TRUE(nvml) << nvml.error().message;
    return nvml ? std::move(*nvml) : nullptr;
  }

 private:
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("berth-fake-nvml-" + std::to_string(::getpid()) + ".json");
};

}  // namespace berth::gpu
