#include "supervisor/gpu/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/gpu/fake_world.h"

namespace berth::gpu {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::IsEmpty;

class SessionTest : public FakeWorld {
 protected:
  Inventory Read() {
    Inventory inventory = session_.Read();
    inventory.number = 1;
    return inventory;
  }

  std::unique_ptr<Nvml> nvml_ = Loaded();
  Session session_{*nvml_, milliseconds(500)};
};

TEST_F(SessionTest, AGpuIsReadWhole) {
  Set({{"gpus", {H100("GPU-1", {{"processes", {{{"pid", ::getpid()}, {"used", kGiB}}}}})}}});
  const Inventory inventory = Read();
  ASSERT_TRUE(inventory.up()) << inventory.error;
  ASSERT_EQ(inventory.gpus.size(), 1U);
  const Gpu& gpu = inventory.gpus[0];
  EXPECT_EQ(gpu.uuid, "GPU-1");
  EXPECT_EQ(gpu.pci, "00000000:17:00.0");
  EXPECT_EQ(gpu.memory->total, GiB(79));  // the driver keeps one
  EXPECT_EQ(gpu.memory->used, GiB(2));
  ASSERT_EQ(gpu.processes->size(), 1U);
  EXPECT_EQ((*gpu.processes)[0].name, "test_gpu");
  EXPECT_EQ(gpu.gauges.celsius, 41);
  EXPECT_EQ(gpu.gauges.memory_celsius, 52);
  EXPECT_EQ(gpu.gauges.busy, 0.75);
  EXPECT_EQ(gpu.gauges.memory_busy, 0.2);
  EXPECT_EQ(gpu.gauges.watts, 250.5);
  EXPECT_EQ(gpu.gauges.limit_watts, 700);
  EXPECT_EQ(gpu.gauges.joules, 5000.25);
  EXPECT_EQ(gpu.gauges.sm_hertz, 1.98e9);
  EXPECT_EQ(gpu.gauges.ecc_corrected, 3U);
  EXPECT_EQ(gpu.gauges.remapped_rows, 2U);
  EXPECT_EQ(gpu.gauges.throttled_seconds.at("power"), 1.5);
  EXPECT_EQ(gpu.gauges.throttled_seconds.count("sync_boost"), 0U);
}

TEST_F(SessionTest, WhatTheDriverDoesNotSayIsAbsentNotZero) {
  Set({{"gpus", {{{"uuid", "GPU-1"}, {"total", kGiB}}}}, {"errors", {{"nvmlDeviceGetComputeRunningProcesses_v3", 3}}}});
  const Inventory inventory = Read();
  const Gpu& gpu = inventory.gpus.at(0);
  EXPECT_FALSE(gpu.processes);
  EXPECT_FALSE(gpu.gauges.celsius || gpu.gauges.watts || gpu.gauges.joules || gpu.gauges.busy ||
               gpu.gauges.ecc_corrected || gpu.gauges.memory_celsius || gpu.gauges.remapped_rows);
  EXPECT_THAT(gpu.gauges.throttled_seconds, IsEmpty());
  EXPECT_TRUE(gpu.lost.empty());
}

TEST_F(SessionTest, AHostWithoutGpusIsUpAndEmpty) {
  const Inventory inventory = Read();
  EXPECT_TRUE(inventory.up());
  EXPECT_THAT(inventory.gpus, IsEmpty());
}

TEST_F(SessionTest, ADividedGpuIsFollowedByItsInstances) {
  const Json mig = {{{"at", 0}, {"uuid", "MIG-a"}, {"total", 10 * kGiB}, {"used", kGiB}, {"slices", 1},
                     {"processes", {{{"pid", 7}, {"used", kGiB}}}}},
                    {{"at", 3}, {"uuid", "MIG-b"}, {"total", 40 * kGiB}, {"slices", 3}, {"compute_slices", 1}}};
  Set({{"gpus", {H100("GPU-1", {{"mig", mig}}), H100("GPU-2", {{"bus", 0x65}})}}});
  const Inventory inventory = Read();
  ASSERT_EQ(inventory.gpus.size(), 4U);
  EXPECT_TRUE(inventory.gpus[0].divided);
  EXPECT_FALSE(inventory.gpus[0].gauges.busy);  // a divided GPU does not say
  const Gpu& first = inventory.gpus[1];
  EXPECT_EQ(first.uuid, "MIG-a");
  EXPECT_EQ(Position(first), "0:0");
  EXPECT_EQ(first.mig_profile, "1g.10gb");
  EXPECT_EQ(first.memory->total, GiB(10));
  EXPECT_EQ(first.processes->size(), 1U);
  EXPECT_EQ(Position(inventory.gpus[2]), "0:3");
  EXPECT_EQ(inventory.gpus[2].mig_profile, "1c.3g.40gb");
  EXPECT_EQ(Position(inventory.gpus[3]), "1");
  // An instance that is destroyed is gone from the next reading.
  Set({{"gpus", {H100("GPU-1", {{"mig", {mig[1]}}}), H100("GPU-2")}}});
  EXPECT_EQ(Read().gpus.size(), 3U);
}

TEST_F(SessionTest, ADriverThatDoesNotMatchIsSaidAndTriedAgain) {
  Set({{"init", 18}});
  EXPECT_THAT(Read().error, HasSubstr("different versions"));
  Set({{"gpus", {H100("GPU-1")}}});
  EXPECT_TRUE(Read().up());
}

TEST_F(SessionTest, ADriverThatIsUnloadedMeanwhileIsInitialisedAnew) {
  Set({{"gpus", {H100("GPU-1")}}});
  EXPECT_TRUE(Read().up());
  Set({{"errors", {{"nvmlDeviceGetCount_v2", 9}}}});
  EXPECT_THAT(Read().error, HasSubstr("not loaded"));
  Set({{"gpus", {H100("GPU-2")}}});
  EXPECT_EQ(Read().gpus.at(0).uuid, "GPU-2");
}

TEST_F(SessionTest, ALostGpuKeepsItsNameAndCostsTheOthersNothing) {
  Set({{"gpus", {H100("GPU-1"), H100("GPU-2")}}});
  Read();
  Set({{"gpus", {H100("GPU-1", {{"lost", true}}), H100("GPU-2")}}});
  const Inventory inventory = Read();
  ASSERT_EQ(inventory.gpus.size(), 2U);
  EXPECT_EQ(inventory.gpus[0].uuid, "GPU-1");
  EXPECT_THAT(inventory.gpus[0].lost, HasSubstr("fallen off the bus"));
  EXPECT_FALSE(inventory.gpus[0].memory);
  EXPECT_FALSE(inventory.gpus[0].gauges.celsius);
  EXPECT_TRUE(inventory.gpus[1].lost.empty());
  EXPECT_TRUE(inventory.gpus[1].memory);
}

TEST_F(SessionTest, ALostGpuThatCannotEvenBeCountedLeavesTheOthers) {
  Set({{"gpus", {H100("GPU-1"), H100("GPU-2")}}});
  Read();
  Set({{"gpus", {H100("GPU-1", {{"lost", true}}), H100("GPU-2")}}, {"errors", {{"nvmlDeviceGetCount_v2", 15}}}});
  const Inventory inventory = Read();
  ASSERT_TRUE(inventory.up());
  EXPECT_FALSE(inventory.gpus.at(0).lost.empty());
  EXPECT_TRUE(inventory.gpus.at(1).memory);
}

TEST_F(SessionTest, AGpuThatWasLostBeforeTheStartHasItsPlaceButNoName) {
  Set({{"gpus", {H100("GPU-1", {{"lost", true}}), H100("GPU-2")}}});
  const Inventory inventory = Read();
  EXPECT_EQ(inventory.gpus.at(0).uuid, "");
  EXPECT_FALSE(inventory.gpus.at(0).lost.empty());
  EXPECT_EQ(inventory.gpus.at(1).uuid, "GPU-2");
}

TEST_F(SessionTest, Xid79LosesTheGpuThoughItsCallsStillAnswer) {
  Json world = {{"gpus", {H100("GPU-1"), H100("GPU-2")}}, {"xids", Json::array()}};
  Set(world);
  Read();
  world["xids"] = {{{"gpu", 1}, {"xid", 79}}, {{"gpu", 0}, {"xid", 31}}, {{"gpu", 0}, {"xid", 31}}};
  Set(world);
  const Inventory inventory = Read();
  EXPECT_TRUE(inventory.gpus[0].lost.empty());
  EXPECT_EQ(inventory.gpus[0].xids.at(31), 2U);
  EXPECT_FALSE(inventory.gpus[1].lost.empty());
  EXPECT_EQ(inventory.gpus[1].xids.at(79), 1U);
  EXPECT_FALSE(Read().gpus[1].lost.empty());
}

TEST_F(SessionTest, ASlowGpuIsLeftAloneForAWhileAndKeepsItsLastReading) {
  Set({{"gpus", {H100("GPU-1", {{"delay_ms", {{"nvmlDeviceGetPowerUsage", 600}}}}), H100("GPU-2")}}});
  const TimePoint first = Read().gpus.at(0).read_at;
  const TimePoint began = Clock::now();
  const Inventory inventory = Read();
  EXPECT_LT(Clock::now() - began, milliseconds(500));
  EXPECT_EQ(inventory.gpus[0].read_at, first);
  EXPECT_TRUE(inventory.gpus[0].memory);
  EXPECT_GT(inventory.gpus[1].read_at, first);
}

TEST_F(SessionTest, AnOldDriverIsReadAsFarAsItGoes) {
  Set({{"gpus", {H100("GPU-1")}}});
  const auto old = Loaded(kOldLibrary);
  Session session(*old, milliseconds(500));
  const Inventory inventory = session.Read();
  EXPECT_EQ(inventory.error, "");
  EXPECT_EQ(inventory.gpus.at(0).memory->used, GiB(3));
  EXPECT_FALSE(inventory.gpus.at(0).gauges.joules);
  EXPECT_EQ(inventory.gpus.at(0).gauges.celsius, 41);
}

}  // namespace
}  // namespace berth::gpu
