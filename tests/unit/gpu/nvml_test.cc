#include "supervisor/gpu/nvml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gpu/fake_world.h"

namespace berth::gpu {
namespace {

using testing::HasSubstr;

class NvmlTest : public FakeWorld {
 protected:
  abi::Device First(Nvml& nvml) {
    EXPECT_EQ(nvml.Init(), Code::kSuccess);
    const auto device = nvml.ByIndex(0);
    EXPECT_TRUE(device);
    return device ? *device : nullptr;
  }
};

TEST_F(NvmlTest, AHostWithoutTheLibraryIsAnErrorThatSaysWhatIsMissing) {
  const auto nvml = Nvml::Load("/nowhere/libnvidia-ml.so.1");
  ASSERT_FALSE(nvml);
  EXPECT_EQ(nvml.error().kind, ErrorKind::kNotFound);
  EXPECT_THAT(nvml.error().message, HasSubstr("/nowhere/libnvidia-ml.so.1"));
  EXPECT_THAT(nvml.error().message, HasSubstr("NVIDIA driver"));
}

TEST_F(NvmlTest, AnotherLibraryByThatNameIsRefused) {
  const auto nvml = Nvml::Load("libm.so.6");
  ASSERT_FALSE(nvml);
  EXPECT_EQ(nvml.error().kind, ErrorKind::kIo);
}

TEST_F(NvmlTest, CallsBeforeInitFailByCode) {
  Set({{"gpus", {H100("GPU-1")}}});
  const auto nvml = Loaded();
  ASSERT_FALSE(nvml->Count());
  EXPECT_EQ(nvml->Count().error(), Code::kUninitialized);
}

TEST_F(NvmlTest, InitSaysWhyThereIsNoDriver) {
  for (const auto& [code, text] : std::vector<std::pair<Code, std::string>>{
           {Code::kDriverNotLoaded, "not loaded"},
           {Code::kVersionMismatch, "different versions"},
           {Code::kNoPermission, "no permission"}}) {
    Set({{"init", static_cast<int>(code)}});
    EXPECT_EQ(Loaded()->Init(), code);
    EXPECT_THAT(std::string(Describe(code)), HasSubstr(text));
  }
}

TEST_F(NvmlTest, AGpuIsReadWhole) {
  Set({{"gpus", {H100("GPU-1")}}, {"driver", "560.1"}});
  const auto nvml = Loaded();
  const abi::Device gpu = First(*nvml);
  EXPECT_EQ(*nvml->DriverVersion(), "560.1");
  EXPECT_EQ(*nvml->Count(), 1U);
  EXPECT_EQ(*nvml->Uuid(gpu), "GPU-1");
  EXPECT_EQ(*nvml->Name(gpu), "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(nvml->Pci(gpu)->bus, 0x17U);
  EXPECT_EQ(nvml->Pci(gpu)->text, "00000000:17:00.0");
  EXPECT_EQ(nvml->Memory(gpu)->total, GiB(80));
  EXPECT_EQ(nvml->Memory(gpu)->reserved, GiB(1));
  EXPECT_EQ(nvml->Memory(gpu)->used, GiB(2));
  EXPECT_EQ(*nvml->Celsius(gpu), 41U);
  EXPECT_EQ(nvml->Utilization(gpu)->gpu, 75U);
  EXPECT_EQ(*nvml->Milliwatts(gpu), 250'500U);
  EXPECT_EQ(*nvml->LimitMilliwatts(gpu), 700'000U);
  EXPECT_EQ(*nvml->Millijoules(gpu), 5'000'250U);
  EXPECT_EQ(*nvml->SmMegahertz(gpu), 1980U);
  EXPECT_EQ(*nvml->EccErrors(gpu, abi::kEccCorrected), 3U);
  EXPECT_EQ(nvml->Remapped(gpu)->correctable, 2U);
  EXPECT_FALSE(*nvml->MigEnabled(gpu));
  nvml->Shutdown();
}

TEST_F(NvmlTest, FieldsAreReadByTheirTypeAndFailOneByOne) {
  Set({{"gpus", {H100("GPU-1")}}});
  const auto nvml = Loaded();
  const std::vector<unsigned> fields = {abi::kMemoryTemperature, abi::kThrottledByPower, abi::kThrottledBySyncBoost};
  const auto answers = nvml->Fields(First(*nvml), fields);
  EXPECT_EQ(*answers[0], 52U);  // 32 bits of a union of 64
  EXPECT_EQ(*answers[1], 1'500'000'000U);
  EXPECT_EQ(answers[2].error(), Code::kNotSupported);
  nvml->Shutdown();
}

TEST_F(NvmlTest, AProcessOfUnknownSizeIsNotOneOfSize0) {
  Set({{"gpus", {H100("GPU-1", {{"processes", {{{"pid", 7}, {"used", kGiB}}, {{"pid", 8}, {"used", nullptr}}}}})}}});
  const auto nvml = Loaded();
  const auto processes = nvml->Processes(First(*nvml));
  ASSERT_EQ(processes->size(), 2U);
  EXPECT_EQ((*processes)[0].used, GiB(1));
  EXPECT_FALSE((*processes)[1].used);
  nvml->Shutdown();
}

TEST_F(NvmlTest, ThoseThatDrawAreListedOnceWithTheOthers) {
  Set({{"gpus", {H100("GPU-1", {{"processes", {{{"pid", 7}, {"used", 1}},
                                               {{"pid", 7}, {"used", 2}, {"graphics", true}},
                                               {{"pid", 9}, {"used", 3}, {"graphics", true}}}}})}}});
  const auto nvml = Loaded();
  const auto processes = nvml->Processes(First(*nvml));
  ASSERT_EQ(processes->size(), 2U);
  EXPECT_EQ((*processes)[0].pid, 7U);
  EXPECT_EQ((*processes)[0].used, Bytes{1});
  EXPECT_EQ((*processes)[1].pid, 9U);
  EXPECT_TRUE((*processes)[1].graphics);
  nvml->Shutdown();
}

Json ManyProcesses(unsigned count) {
  Json processes = Json::array();
  for (unsigned i = 0; i < count; ++i) processes.push_back({{"pid", 100 + i}, {"used", i * kGiB}});
  return processes;
}

TEST_F(NvmlTest, ElementsOf32BytesAreToldFromThoseOf24) {
  for (const bool wide : {false, true}) {
    for (const unsigned count : {0U, 1U, 2U, 40U}) {
      Set({{"gpus", {H100("GPU-1", {{"processes", ManyProcesses(count)}})}}, {"wide_processes", wide}});
      const auto nvml = Loaded();
      const auto processes = nvml->Processes(First(*nvml));
      ASSERT_EQ(processes->size(), count) << wide;
      for (unsigned i = 0; i < count; ++i) {
        EXPECT_EQ((*processes)[i].pid, 100 + i) << wide;
        EXPECT_EQ((*processes)[i].used, GiB(i)) << wide;
      }
      nvml->Shutdown();
    }
  }
}

TEST_F(NvmlTest, AnOlderDriverHasItsMemoryAndProcessesAndNoMore) {
  Set({{"gpus", {H100("GPU-1", {{"processes", ManyProcesses(2)}})}}});
  const auto nvml = Loaded(kOldLibrary);
  const abi::Device gpu = First(*nvml);
  EXPECT_EQ(nvml->Memory(gpu)->used, GiB(3));  // what is reserved is used there
  EXPECT_EQ(nvml->Memory(gpu)->reserved, Bytes{0});
  EXPECT_EQ(nvml->Processes(gpu)->size(), 2U);
  EXPECT_EQ(nvml->Millijoules(gpu).error(), Code::kFunctionNotFound);
  EXPECT_FALSE(*nvml->MigEnabled(gpu));
  EXPECT_EQ(nvml->Watch(gpu), Code::kFunctionNotFound);
  EXPECT_EQ(nvml->NextXid().error(), Code::kTimeout);
  nvml->Shutdown();
}

TEST_F(NvmlTest, AFailureIsTheCodeOfThatCallAndOfNoOther) {
  Set({{"gpus", {H100("GPU-1", {{"errors", {{"nvmlDeviceGetPowerUsage", 15}, {"nvmlDeviceGetTemperature", 999},
                                            {"nvmlDeviceGetUtilizationRates", 12345}}}})}}});
  const auto nvml = Loaded();
  const abi::Device gpu = First(*nvml);
  EXPECT_EQ(nvml->Milliwatts(gpu).error(), Code::kGpuIsLost);
  EXPECT_EQ(nvml->Celsius(gpu).error(), Code::kUnknown);
  EXPECT_THAT(std::string(Describe(nvml->Utilization(gpu).error())), HasSubstr("does not know"));
  EXPECT_TRUE(nvml->Memory(gpu));
  nvml->Shutdown();
}

TEST_F(NvmlTest, XidsComeOnceForWatchedGpus) {
  Json world = {{"gpus", {H100("GPU-1"), H100("GPU-2")}}, {"xids", {{{"gpu", 0}, {"xid", 13}}}}};
  Set(world);
  const auto nvml = Loaded();
  const abi::Device gpu = First(*nvml);
  EXPECT_EQ(nvml->Watch(gpu), Code::kSuccess);
  EXPECT_EQ(nvml->NextXid().error(), Code::kTimeout);  // it was before
  world["xids"].push_back({{"gpu", 1}, {"xid", 48}});
  world["xids"].push_back({{"gpu", 0}, {"xid", 79}});
  Set(world);
  const auto xid = nvml->NextXid();
  ASSERT_TRUE(xid);
  EXPECT_EQ(xid->device, gpu);
  EXPECT_EQ(xid->number, 79U);
  EXPECT_EQ(nvml->NextXid().error(), Code::kTimeout);
  nvml->Shutdown();
}

}  // namespace
}  // namespace berth::gpu
