#include "supervisor/cli/view_gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

Json Device(Json gpu) { return {{"name", "gpu0"}, {"gpu", std::move(gpu)}}; }

Json H100() {
  return {{"uuid", "GPU-1"},        {"index", "0"},
          {"product", "NVIDIA H100"}, {"mig_profile", nullptr},
          {"lost", nullptr},        {"total_bytes", 79ull << 30},
          {"used_bytes", 60ull << 30}, {"foreign_bytes", 12ull << 30},
          {"foreign", {{{"pid", 4711}, {"name", "python3"}, {"bytes", 12ull << 30}}}},
          {"temperature_celsius", 41.0}, {"utilization_ratio", 0.754},
          {"power_watts", 250.5},   {"power_limit_watts", 700.0}};
}

TEST(ViewGpus, ShowsHowAGpuIsAndWhoElseUsesIt) {
  const std::string text = ViewGpus(Json::array({Device(H100())}), {});
  for (const char* part : {"gpu0", "NVIDIA H100", "41 C", "75 %", "251 W / 700 W", "60 GiB / 79 GiB", "12 GiB",
                           "gpu0: pid 4711 (python3), not Berth's, holds 12 GiB"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST(ViewGpus, WhatTheDriverDoesNotSayIsADash) {
  Json gpu = H100();
  for (const char* key : {"temperature_celsius", "utilization_ratio", "power_watts", "used_bytes", "foreign_bytes"}) {
    gpu[key] = nullptr;
  }
  gpu["foreign"] = {{{"pid", 8}, {"name", nullptr}, {"bytes", nullptr}}};
  const std::string text = ViewGpus(Json::array({Device(gpu)}), {});
  EXPECT_THAT(text, Not(HasSubstr(" C ")));
  EXPECT_THAT(text, Not(HasSubstr("700 W")));
  EXPECT_THAT(text, HasSubstr("pid 8 (-)"));
  EXPECT_THAT(text, HasSubstr("an unknown part"));
}

TEST(ViewGpus, ALostGpuSaysWhy) {
  Json gpu = H100();
  gpu["lost"] = "the GPU has fallen off the bus";
  EXPECT_THAT(ViewGpus(Json::array({Device(gpu)}), {}), HasSubstr("gpu0: the GPU has fallen off the bus"));
}

TEST(ViewGpus, OfAHostWithoutGpusThereIsNothingToShow) {
  EXPECT_EQ(ViewGpus({Device(nullptr), {{"name", "cpu"}}}, {}), "");
}

}  // namespace
}  // namespace berth::cli
