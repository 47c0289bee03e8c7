#include "supervisor/gpu/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::gpu {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Gpu Card(int index, std::string uuid) {
  Gpu gpu;
  gpu.index = index;
  gpu.uuid = std::move(uuid);
  gpu.name = "NVIDIA H100";
  gpu.memory = Memory{GiB(80), GiB(1)};
  return gpu;
}

Gpu Instance(int index, int mig_index, std::string uuid) {
  Gpu gpu = Card(index, std::move(uuid));
  gpu.mig_index = mig_index;
  gpu.mig_profile = "1g.10gb";
  gpu.memory = Memory{GiB(10), {}};
  return gpu;
}

// Two whole GPUs whose UUIDs begin alike, and one divided into two instances.
Inventory ThreeGpus() {
  Inventory inventory;
  inventory.number = 1;
  inventory.gpus = {Card(0, "GPU-5f1c0000-aaaa"), Card(1, "GPU-5f1c1111-bbbb"), Card(2, "GPU-77777777-cccc"),
                    Instance(2, 0, "MIG-11111111-dddd"), Instance(2, 1, "MIG-22222222-eeee")};
  inventory.gpus[2].divided = true;
  return inventory;
}

TEST(FindGpu, ByUuidByItsBeginningByIndexAndByInstance) {
  const std::pair<const char*, const char*> table[] = {
      {"GPU-5f1c0000-aaaa", "GPU-5f1c0000-aaaa"}, {"GPU-5f1c1", "GPU-5f1c1111-bbbb"},
      {"0", "GPU-5f1c0000-aaaa"},                 {"1", "GPU-5f1c1111-bbbb"},
      {"2:0", "MIG-11111111-dddd"},               {"2:1", "MIG-22222222-eeee"},
      {"MIG-2", "MIG-22222222-eeee"},             {"MIG-11111111-dddd", "MIG-11111111-dddd"},
  };
  for (const auto& [cuda, uuid] : table) {
    const auto found = Find(ThreeGpus(), cuda);
    ASSERT_TRUE(found) << cuda << ": " << found.error().message;
    EXPECT_EQ(found->uuid, uuid) << cuda;
  }
}

TEST(FindGpu, WhatIsNotThereIsAnsweredWithWhatIs) {
  for (const char* cuda : {"7", "GPU-999", "2:5", "GPU-", "5f1c", "", "cuda:0", "-1", "00"}) {
    const auto found = Find(ThreeGpus(), cuda);
    ASSERT_FALSE(found) << cuda;
    EXPECT_EQ(found.error().kind, ErrorKind::kNotFound) << cuda;
    EXPECT_THAT(found.error().message,
                AllOf(HasSubstr(std::string("\"") + cuda + "\""), HasSubstr("0 = GPU-5f1c0000-aaaa (NVIDIA H100, 80 GiB)"),
                      HasSubstr("2:1 = MIG-22222222-eeee (1g.10gb, 10 GiB)")));
  }
}

TEST(FindGpu, ABeginningOfSeveralNamesThem) {
  const auto found = Find(ThreeGpus(), "GPU-5f1c");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::kInvalid);
  EXPECT_THAT(found.error().message, AllOf(HasSubstr("0 = GPU-5f1c0000"), HasSubstr("1 = GPU-5f1c1111"),
                                           testing::Not(HasSubstr("77777777"))));
}

TEST(FindGpu, ADividedGpuIsNotUsedWholeItsInstancesAreNamed) {
  for (const char* cuda : {"2", "GPU-77777777-cccc"}) {
    const auto found = Find(ThreeGpus(), cuda);
    ASSERT_FALSE(found) << cuda;
    EXPECT_THAT(found.error().message, AllOf(HasSubstr("divided"), HasSubstr("2:0 = MIG-11111111")));
  }
}

TEST(FindGpu, ADividedGpuWithoutInstancesSaysSo) {
  Inventory inventory = ThreeGpus();
  inventory.gpus.resize(3);
  EXPECT_THAT(Find(inventory, "2").error().message, HasSubstr("no instance"));
}

TEST(FindGpu, ALostGpuIsNotFoundUsable) {
  Inventory inventory = ThreeGpus();
  inventory.gpus[0].lost = "the GPU has fallen off the bus";
  const auto found = Find(inventory, "0");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::kUnavailable);
  EXPECT_THAT(found.error().message, HasSubstr("fallen off the bus"));
}

TEST(FindGpu, WithoutNvmlTheReasonIsItsOwn) {
  Inventory inventory;
  inventory.error = "the NVIDIA driver is not loaded";
  EXPECT_THAT(Find(inventory, "0").error().message, HasSubstr("driver is not loaded"));
  EXPECT_THAT(Find(Inventory{}, "0").error().message, HasSubstr("this host has none"));
}

TEST(Inventory, WhatAPlanWithoutDevicesGetsIsWholeGpusAndInstances) {
  std::vector<std::string> positions;
  for (const Gpu& gpu : Usable(ThreeGpus())) positions.push_back(Position(gpu));
  EXPECT_THAT(positions, testing::ElementsAre("0", "1", "2:0", "2:1"));
}

TEST(Inventory, AShortUuidIsABoundedLabelThatTellsDevicesApart) {
  const std::pair<const char*, const char*> table[] = {
      {"GPU-5f1c2a3b-1111-2222-3333-444444444444", "GPU-5f1c2a3b"},
      {"MIG-5f1c2a3b-1111-2222-3333-444444444444", "MIG-5f1c2a3b"},
      {"MIG-GPU-5f1c2a3b-1111-2222-3333-444444444444/1/0", "MIG-GPU-5f1c2a3b/1/0"},
      {"GPU-1", "GPU-1"},
      {"", "gpu3"},
  };
  for (const auto& [uuid, expected] : table) EXPECT_EQ(ShortUuid(Card(3, uuid)), expected) << uuid;
}

TEST(Inventory, AProcessIsDescribedByPidNameAndSize) {
  EXPECT_EQ(Describe(Process{4711, GiB(12), "python3"}), "pid 4711 (python3) with 12 GiB");
  EXPECT_THAT(Describe(Process{4711, {}, ""}), AllOf(HasSubstr("pid 4711"), HasSubstr("unknown")));
}

}  // namespace
}  // namespace berth::gpu
