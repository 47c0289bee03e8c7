#include "supervisor/admin/gpu_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "supervisor/admin/gpu_metrics.h"
#include "supervisor/admin/gpu_watch.h"
#include "supervisor/admin/render_gpu.h"

namespace berth::admin {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

gpu::Inventory TwoGpus() {
  gpu::Inventory inventory;
  inventory.number = 1;
  inventory.driver = "550.54.15";
  for (const auto& [index, uuid] : {std::pair{0, "GPU-5f1c0000-a"}, std::pair{1, "GPU-77770000-b"}}) {
    gpu::Gpu gpu;
    gpu.index = index;
    gpu.uuid = uuid;
    gpu.name = "NVIDIA H100";
    gpu.memory = gpu::Memory{GiB(79), GiB(20)};
    gpu.processes = {{10, GiB(8), "berth-worker"}, {4711, GiB(12), "python3"}};
    gpu.gauges.celsius = 41;
    gpu.gauges.joules = 1000;
    gpu.gauges.throttled_seconds["power"] = 1.5;
    inventory.gpus.push_back(std::move(gpu));
  }
  return inventory;
}

config::Device Gpu(const std::string& name, const std::string& cuda, Bytes memory = {}, Bytes reserve = {}) {
  config::Device device;
  device.name = name;
  device.cuda = cuda;
  device.memory = memory;
  device.reserve = reserve;
  return device;
}

config::Plan PlanOf(std::vector<config::Device> devices) {
  config::Plan plan;
  plan.devices = std::move(devices);
  return plan;
}

std::vector<launch::ModelStatus> OneReplica(int pid = 10) {
  launch::ReplicaStatus replica;
  replica.devices = {"gpu0"};
  replica.pid = pid;
  replica.memory = GiB(30);
  launch::ModelStatus model;
  model.name = "chat";
  model.replicas = {replica};
  return {model};
}

// ---- the plan's GPUs among the host's

TEST(ResolveGpus, NamesBecomeUuidsAndMissingMemoryTheRealOne) {
  config::Plan plan = PlanOf({Gpu("cpu", "", GiB(4)), Gpu("gpu0", "0"), Gpu("gpu1", "GPU-7777", GiB(70), GiB(1))});
  EXPECT_THAT(ResolveGpus(plan, TwoGpus()), IsEmpty());
  EXPECT_EQ(plan.devices[0].memory, GiB(4));
  EXPECT_EQ(plan.devices[1].cuda, "GPU-5f1c0000-a");
  EXPECT_EQ(plan.devices[1].memory, GiB(79));
  EXPECT_EQ(plan.devices[2].cuda, "GPU-77770000-b");
  EXPECT_EQ(plan.devices[2].memory, GiB(70));
}

TEST(ResolveGpus, EveryMistakeNamesItsDeviceAndTheNumbers) {
  config::Plan plan = PlanOf({Gpu("a", "7"), Gpu("b", "0", GiB(80)), Gpu("c", "1", {}, GiB(79))});
  const auto wrong = ResolveGpus(plan, TwoGpus());
  ASSERT_EQ(wrong.size(), 3U);
  EXPECT_THAT(wrong[0].message, AllOf(HasSubstr("\"a\""), HasSubstr("no GPU \"7\""), HasSubstr("1 = GPU-77770000-b")));
  EXPECT_THAT(wrong[1].message, AllOf(HasSubstr("\"b\""), HasSubstr("80 GiB"), HasSubstr("79 GiB")));
  EXPECT_THAT(wrong[2].message, AllOf(HasSubstr("\"c\""), HasSubstr("reserve")));
}

TEST(ResolveGpus, WhatMayPassIsNotTheMistakeOfAPlan) {
  config::Plan plan = PlanOf({Gpu("a", "7"), Gpu("b", "0")});
  gpu::Inventory none;
  none.number = 1;
  none.error = "the driver is not loaded";
  for (const Error& error : ResolveGpus(plan, none)) EXPECT_EQ(error.kind, ErrorKind::kUnavailable) << error.message;
  const auto wrong = ResolveGpus(plan, TwoGpus());
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_NE(wrong[0].kind, ErrorKind::kUnavailable) << "the driver is there, that GPU is not";
}

TEST(ResolveGpus, OneGpuIsOneDevice) {
  config::Plan plan = PlanOf({Gpu("a", "0"), Gpu("b", "GPU-5f1c")});
  const auto wrong = ResolveGpus(plan, TwoGpus());
  ASSERT_EQ(wrong.size(), 1U);
  EXPECT_THAT(wrong[0].message, AllOf(HasSubstr("\"b\""), HasSubstr("device \"a\"")));
}

TEST(ResolveGpus, AGpuThatDoesNotTellItsMemoryNeedsIt) {
  gpu::Inventory inventory = TwoGpus();
  inventory.gpus[0].memory.reset();
  config::Plan without = PlanOf({Gpu("a", "0")});
  EXPECT_EQ(ResolveGpus(without, inventory).size(), 1U);
  config::Plan with = PlanOf({Gpu("a", "0", GiB(10))});
  EXPECT_THAT(ResolveGpus(with, inventory), IsEmpty());
}

TEST(NeedsGpus, OnlyWhereAPlanNamesSome) {
  EXPECT_FALSE(NeedsGpus(PlanOf({Gpu("cpu", "")})));
  EXPECT_TRUE(NeedsGpus(PlanOf({Gpu("cpu", ""), Gpu("gpu0", "0")})));
}

// ---- metrics

TEST(GpuMetrics, AReadingBecomesSeries) {
  observe::Metrics metrics;
  GpuMetrics gpus(metrics);
  gpus.Set(TwoGpus());
  const std::string text = metrics.Serialize();
  for (const char* line : {"berth_gpu_temperature_celsius{gpu=\"GPU-5f1c0000\"} 41", "berth_nvml_up 1",
                           "berth_gpu_energy_joules_total{gpu=\"GPU-77770000\"} 1000", "driver=\"550.54.15\"",
                           "uuid=\"GPU-5f1c0000-a\"", "reason=\"power\"} 1.5"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("berth_gpu_power_watts"))) << "what is not said has no series";
}

TEST(GpuMetrics, CountersFollowTheDriversAndNeverFall) {
  observe::Metrics metrics;
  GpuMetrics gpus(metrics);
  gpu::Inventory inventory = TwoGpus();
  gpus.Set(inventory);
  inventory.gpus[0].gauges.joules = 1500;
  inventory.gpus[0].xids[79] = 1;
  gpus.Set(inventory);
  EXPECT_THAT(metrics.Serialize(), AllOf(HasSubstr("joules_total{gpu=\"GPU-5f1c0000\"} 1500"),
                                         HasSubstr("berth_gpu_xid_errors_total{gpu=\"GPU-5f1c0000\",xid=\"79\"} 1")));
  inventory.gpus[0].gauges.joules = 20;  // the driver was loaded anew
  gpus.Set(inventory);
  EXPECT_THAT(metrics.Serialize(), HasSubstr("joules_total{gpu=\"GPU-5f1c0000\"} 1520"));
}

TEST(GpuMetrics, ALostGpuLosesItsGaugesAndKeepsItsCounters) {
  observe::Metrics metrics;
  GpuMetrics gpus(metrics);
  gpu::Inventory inventory = TwoGpus();
  gpus.Set(inventory);
  inventory.gpus[0].lost = "fallen off the bus";
  inventory.gpus[0].gauges = {};
  gpus.Set(inventory);
  const std::string text = metrics.Serialize();
  EXPECT_THAT(text, Not(HasSubstr("temperature_celsius{gpu=\"GPU-5f1c0000\"}")));
  EXPECT_THAT(text, Not(HasSubstr("uuid=\"GPU-5f1c0000-a\"")));
  EXPECT_THAT(text, HasSubstr("temperature_celsius{gpu=\"GPU-77770000\"} 41"));
  EXPECT_THAT(text, HasSubstr("joules_total{gpu=\"GPU-5f1c0000\"} 1000"));
}

TEST(GpuMetrics, ADeviceThatIsNoMoreHasNoGauges) {
  observe::Metrics metrics;
  GpuMetrics gpus(metrics);
  gpus.Set(TwoGpus());
  gpu::Inventory gone;
  gone.number = 2;
  gone.error = "the NVIDIA driver is not loaded";
  gpus.Set(gone);
  const std::string text = metrics.Serialize();
  EXPECT_THAT(text, AllOf(HasSubstr("berth_nvml_up 0"), Not(HasSubstr("temperature"))));
}

// ---- JSON

TEST(RenderGpus, AGpuSaysHowItIsAndWhoElseIsThere) {
  const config::Plan plan = PlanOf({Gpu("cpu", ""), Gpu("gpu0", "GPU-5f1c0000-a")});
  Json devices = {{"devices", {{{"name", "cpu"}}, {{"name", "gpu0"}}}}};
  AddGpus(devices, plan, TwoGpus(), OneReplica(), TimePoint{});
  EXPECT_TRUE(devices["devices"][0]["gpu"].is_null());
  const Json& gpu = devices["devices"][1]["gpu"];
  EXPECT_EQ(gpu["index"], "0");
  EXPECT_EQ(gpu["temperature_celsius"], 41.0);
  EXPECT_TRUE(gpu["power_watts"].is_null());
  EXPECT_EQ(gpu["foreign_bytes"], GiB(12).count);
  ASSERT_EQ(gpu["foreign"].size(), 1U);
  EXPECT_EQ(gpu["foreign"][0]["pid"], 4711);
  EXPECT_TRUE(gpu["lost"].is_null());
}

TEST(RenderGpus, AGpuThatIsNoLongerListedSaysWhy) {
  const config::Plan plan = PlanOf({Gpu("gpu0", "GPU-5f1c0000-a")});
  Json devices = {{"devices", {{{"name", "gpu0"}}}}};
  gpu::Inventory gone;
  gone.error = "the NVIDIA driver is not loaded";
  AddGpus(devices, plan, gone, {}, TimePoint{});
  EXPECT_EQ(devices["devices"][0]["gpu"]["lost"], "the NVIDIA driver is not loaded");
}

TEST(TenantsOn, AreReplicasThatHoldSomethingOfTheDevice) {
  std::vector<launch::ModelStatus> models = OneReplica();
  EXPECT_EQ(TenantsOn("gpu0", models).size(), 1U);
  EXPECT_THAT(TenantsOn("gpu1", models), IsEmpty());
  models[0].replicas[0].memory = {};
  EXPECT_THAT(TenantsOn("gpu0", models), IsEmpty());
}

}  // namespace
}  // namespace berth::admin
