#include "supervisor/launch/gpu_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace berth::launch {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kUuid = "GPU-5f1c2a3b-1";
constexpr const char* kSecond = "GPU-5f1c2a3b-2";

// A GPU of 80 GiB called gpu0, beside the CPU; a test moves time and says what NVML reads.
class GpuPlaceTest : public testing::Test {
 protected:
  GpuPlaceTest() { Read({}, {}); }

  // A reading of now, as if it had just been taken.
  void Read(Bytes used, std::vector<gpu::Process> processes, const std::string& lost = "") {
    gpu::Gpu gpu;
    gpu.uuid = kUuid;
    gpu.read_at = now_ += seconds(1);
    gpu.memory = gpu::Memory{GiB(80), used};
    gpu.processes = std::move(processes);
    gpu.lost = lost;
    gpu::Inventory inventory;
    inventory.number = 1;
    inventory.taken_at = now_;
    inventory.gpus = {std::move(gpu)};
    latest_ = std::make_shared<const gpu::Inventory>(std::move(inventory));
  }
  // The same of two GPUs, gpu0 and gpu1, by what each holds.
  void ReadTwo(std::vector<gpu::Process> first, std::vector<gpu::Process> second) {
    Read({}, std::move(first));
    gpu::Inventory inventory = *latest_;
    inventory.gpus.push_back(inventory.gpus.front());
    inventory.gpus[1].uuid = kSecond;
    inventory.gpus[1].processes = std::move(second);
    for (gpu::Gpu& gpu : inventory.gpus) {
      for (const gpu::Process& process : *gpu.processes) gpu.memory->used += *process.used;
    }
    latest_ = std::make_shared<const gpu::Inventory>(std::move(inventory));
  }
  void Reserve(const std::string& model, Bytes bytes) { reservations_.push_back({"gpu0", model, 0, bytes}); }
  GpuPlace PlaceOf(const std::string& model, Bytes bytes, const std::string& device = "gpu0") {
    return {gpus_, {model, 0, {device}, bytes, 1, 0}};
  }
  void Start(GpuPlace& place, const std::string& model, Bytes bytes, int pid) {
    Reserve(model, bytes);
    place.Begins();
    place.Runs(pid);
  }

  TimePoint now_ = TimePoint{} + std::chrono::hours(1);
  std::shared_ptr<const gpu::Inventory> latest_;
  const GpuSource source_{{{"gpu0", kUuid}, {"gpu1", kSecond}}, [this] { return latest_; }};
  std::vector<placement::Ledger::Reservation> reservations_;
  Gpus gpus_{source_, reservations_};
};

TEST_F(GpuPlaceTest, OnTheCpuThereIsNothingToObjectToNorToWaitFor) {
  Read(GiB(80), {});
  GpuPlace place = PlaceOf("bge", GiB(2), "cpu");
  EXPECT_THAT(place.uuids(), IsEmpty());
  EXPECT_EQ(place.Objection(now_).obstacle, "");
  place.Begins();
  place.Runs(10);
  place.Reaped(now_);
  EXPECT_TRUE(place.Gone());
}

TEST_F(GpuPlaceTest, AForeignProcessIsSeenAtAdmissionAndNamed) {
  GpuPlace place = PlaceOf("chat", GiB(40));
  EXPECT_THAT(place.uuids(), ElementsAre(kUuid));
  EXPECT_EQ(place.Objection(now_).obstacle, "");
  Read(GiB(41), {{4711, GiB(41), "python3"}});
  EXPECT_THAT(place.Objection(now_).obstacle, HasSubstr("pid 4711 (python3) with 41 GiB"));
}

TEST_F(GpuPlaceTest, OurOwnWorkersAreNotForeign) {
  GpuPlace chat = PlaceOf("chat", GiB(40));
  Start(chat, "chat", GiB(40), 10);
  Read(GiB(40), {{10, GiB(40), "berth-worker"}});
  EXPECT_EQ(PlaceOf("bge", GiB(40)).Objection(now_).obstacle, "");
  EXPECT_NE(PlaceOf("bge", GiB(41)).Objection(now_).obstacle, "");
}

TEST_F(GpuPlaceTest, ALoadWaitsForAReadingThatHasTheLastOneInIt) {
  GpuPlace chat = PlaceOf("chat", GiB(40));
  Start(chat, "chat", GiB(40), 10);
  chat.Loaded(now_);
  GpuPlace bge = PlaceOf("bge", GiB(10));
  EXPECT_THAT(bge.Objection(now_).obstacle, HasSubstr("is read again"));
  EXPECT_FALSE(bge.Objection(now_).hopeless) << "a reading is taken each second";
  Read(GiB(70), {{10, GiB(30), ""}, {4711, GiB(40), "python3"}});
  EXPECT_THAT(bge.Objection(now_).obstacle, HasSubstr("pid 4711")) << "40 + 40 reserved + 10 are more than 80";
  EXPECT_TRUE(bge.Objection(now_).hopeless);
  Read(GiB(60), {{10, GiB(30), ""}, {4711, GiB(30), "python3"}});
  EXPECT_EQ(bge.Objection(now_).obstacle, "");
}

TEST_F(GpuPlaceTest, WhoIsReapedAndStillListedIsOurs) {
  GpuPlace chat = PlaceOf("chat", GiB(40));
  Start(chat, "chat", GiB(40), 10);
  Read(GiB(40), {{10, GiB(40), ""}});
  chat.Look();
  chat.Reaped(now_);
  EXPECT_EQ(PlaceOf("bge", GiB(40)).Objection(now_).obstacle, "") << "what it left behind is covered by its reservation";
}

TEST_F(GpuPlaceTest, OnceOnePidWasListedStrangersAreNotTakenForOurs) {
  GpuPlace chat = PlaceOf("chat", GiB(40));
  Start(chat, "chat", GiB(40), 10);
  Read(GiB(40), {{10, GiB(40), ""}});
  chat.Look();
  Read(GiB(50), {{4711, GiB(50), "python3"}});  // chat has just ended, and may come back
  EXPECT_THAT(PlaceOf("bge", GiB(2)).Objection(now_).obstacle, HasSubstr("pid 4711"));
}

TEST_F(GpuPlaceTest, AWorkerIsGoneOnceItsPidIsNoLongerListed) {
  GpuPlace chat = PlaceOf("chat", GiB(40));
  Start(chat, "chat", GiB(40), 10);
  Read(GiB(40), {{10, GiB(40), ""}});
  chat.Look();
  chat.Reaped(now_);
  EXPECT_FALSE(chat.Gone()) << "no reading since it was reaped";
  Read(GiB(40), {{10, GiB(40), ""}});
  EXPECT_FALSE(chat.Gone());
  Read(GiB(30), {{4711, GiB(30), "somebody who came in the meantime"}});
  EXPECT_TRUE(chat.Gone());
}

TEST_F(GpuPlaceTest, InAContainerTheMemoryDecidesWithWhatCameSince) {
  Read(GiB(4), {{70001, GiB(4), ""}});
  GpuPlace chat = PlaceOf("chat", GiB(40));
  Start(chat, "chat", GiB(40), 10);
  Read(GiB(44), {{70001, GiB(4), ""}, {70002, GiB(40), ""}});
  chat.Look();
  GpuPlace bge = PlaceOf("bge", GiB(2));
  Start(bge, "bge", GiB(2), 11);
  chat.Reaped(now_);
  Read(GiB(46), {{70001, GiB(4), ""}, {70002, GiB(40), ""}, {70003, GiB(2), ""}});
  EXPECT_FALSE(chat.Gone());
  Read(GiB(6), {{70001, GiB(4), ""}, {70003, GiB(2), ""}});
  EXPECT_TRUE(chat.Gone());
  // Who was there before it does not count as having come since.
  bge.Reaped(now_);
  Read(GiB(6) + Bytes{1}, {});
  EXPECT_TRUE(bge.Gone()) << "it began at 44 GiB";
}

TEST_F(GpuPlaceTest, OnceOnePidWasListedAllAreWaitedForByPid) {
  GpuPlace chat = PlaceOf("chat", GiB(40));
  Start(chat, "chat", GiB(40), 10);
  Read(GiB(40), {{10, GiB(40), ""}});
  chat.Look();
  GpuPlace bge = PlaceOf("bge", GiB(2));
  Start(bge, "bge", GiB(2), 11);
  bge.Reaped(now_);  // before it opened the device
  Read(GiB(60), {{10, GiB(40), ""}, {4711, GiB(20), ""}});
  EXPECT_TRUE(bge.Gone()) << "though somebody else grew";
}

TEST_F(GpuPlaceTest, AReplicaOnTwoGpusNeedsRoomOnBothAndIsGoneOnceBothHaveLetGo) {
  GpuPlace chat(gpus_, {"chat", 0, {"gpu0", "gpu1"}, GiB(40), 1, 0});
  EXPECT_THAT(chat.uuids(), ElementsAre(kUuid, kSecond));
  ReadTwo({}, {{4711, GiB(41), "python3"}});
  EXPECT_THAT(chat.Objection(now_).obstacle, HasSubstr("pid 4711 (python3) with 41 GiB"));
  ReadTwo({}, {});
  EXPECT_EQ(chat.Objection(now_).obstacle, "");
  chat.Begins();
  chat.Runs(10);
  ReadTwo({{10, GiB(40), ""}}, {{10, GiB(40), ""}});
  chat.Look();
  chat.Reaped(now_);
  ReadTwo({}, {{10, GiB(40), ""}});
  EXPECT_FALSE(chat.Gone()) << "the second holds its memory";
  ReadTwo({{10, GiB(40), ""}}, {});
  EXPECT_FALSE(chat.Gone()) << "the first does";
  ReadTwo({}, {});
  EXPECT_TRUE(chat.Gone());
}

TEST_F(GpuPlaceTest, WhatCouldNotBeStartedIsGone) {
  GpuPlace chat = PlaceOf("chat", GiB(40));
  chat.Begins();
  EXPECT_TRUE(chat.Gone());
}

TEST_F(GpuPlaceTest, ALostGpuTakesNothingAndHoldsNothing) {
  GpuPlace chat = PlaceOf("chat", GiB(40));
  Start(chat, "chat", GiB(40), 10);
  Read(GiB(40), {{10, GiB(40), ""}});
  chat.Look();
  chat.Reaped(now_);
  Read({}, {}, "the GPU has fallen off the bus");
  EXPECT_TRUE(chat.Gone());
  EXPECT_THAT(chat.Objection(now_).obstacle, HasSubstr("fallen off the bus"));
}

}  // namespace
}  // namespace berth::launch
