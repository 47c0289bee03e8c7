#include "supervisor/launch/worker_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::launch {
namespace {

using testing::UnorderedElementsAre;

TEST(WorkerEnvironment, OnlyTheAllowListPasses) {
  const auto environment = WorkerEnvironment(
      {"PATH=/bin", "HOME=/root", "LANG=C", "LD_LIBRARY_PATH=/opt/lib", "OMP_PROC_BIND=true", "CUDA_CACHE_PATH=/tmp",
       "OPENAI_API_KEY=secret", "LD_PRELOAD=evil.so", "BERTH_TEST_X=1", "PATHOLOGICAL=1", "OMPX=1"},
      "sse4_2", 3);
  EXPECT_THAT(environment,
              UnorderedElementsAre("PATH=/bin", "HOME=/root", "LANG=C", "LD_LIBRARY_PATH=/opt/lib",
                                   "OMP_PROC_BIND=true", "CUDA_CACHE_PATH=/tmp", "OMP_WAIT_POLICY=PASSIVE",
                                   "OMP_NUM_THREADS=3",
                                   "OPENBLAS_NUM_THREADS=3", "CUDA_VISIBLE_DEVICES="));
}

TEST(WorkerEnvironment, ThreadsAreThePlans) {
  EXPECT_THAT(WorkerEnvironment({"OMP_NUM_THREADS=64", "OPENBLAS_NUM_THREADS=64"}, "", 2),
              UnorderedElementsAre("OMP_WAIT_POLICY=PASSIVE", "OMP_NUM_THREADS=2", "OPENBLAS_NUM_THREADS=2",
                                   "CUDA_VISIBLE_DEVICES="));
}

TEST(WorkerEnvironment, ThreadsDoNotSpinUnlessAskedTo) {
  EXPECT_THAT(WorkerEnvironment({"OMP_WAIT_POLICY=ACTIVE"}, "", 1),
              UnorderedElementsAre("OMP_WAIT_POLICY=ACTIVE", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1",
                                   "CUDA_VISIBLE_DEVICES="));
}

std::vector<std::string> CudaPart(const std::vector<std::string>& own, const std::vector<std::string>& gpus) {
  std::vector<std::string> part = WorkerEnvironment(own, "", 1, gpus);
  std::erase_if(part, [](const std::string& entry) { return !entry.starts_with("CUDA_"); });
  return part;
}

TEST(WorkerEnvironment, AWorkerOnGpusSeesThoseAloneByUuidInPciOrder) {
  EXPECT_THAT(CudaPart({}, {"GPU-1", "MIG-2"}),
              UnorderedElementsAre("CUDA_VISIBLE_DEVICES=GPU-1,MIG-2", "CUDA_DEVICE_ORDER=PCI_BUS_ID"));
}

TEST(WorkerEnvironment, AWorkerOnTheCpuSeesNoGpu) { EXPECT_THAT(CudaPart({}, {}), UnorderedElementsAre("CUDA_VISIBLE_DEVICES=")); }

TEST(WorkerEnvironment, WhichGpusIsNotTheDaemonsEnvironmentsToSay) {
  const std::vector<std::string> own = {"CUDA_VISIBLE_DEVICES=0,1", "CUDA_DEVICE_ORDER=FASTEST_FIRST",
                                        "CUDA_CACHE_PATH=/tmp"};
  EXPECT_THAT(CudaPart(own, {"GPU-1"}), UnorderedElementsAre("CUDA_VISIBLE_DEVICES=GPU-1", "CUDA_CACHE_PATH=/tmp",
                                                             "CUDA_DEVICE_ORDER=PCI_BUS_ID"));
  EXPECT_THAT(CudaPart(own, {}), UnorderedElementsAre("CUDA_VISIBLE_DEVICES=", "CUDA_CACHE_PATH=/tmp"));
}

TEST(WorkerEnvironment, TheCoreTypeFollowsTheProcessorUnlessSet) {
  const auto with = [](const std::vector<std::string>& own, const char* flags) {
    for (const std::string& entry : WorkerEnvironment(own, flags, 1)) {
      if (entry.starts_with("OPENBLAS_CORETYPE=")) return entry.substr(18);
    }
    return std::string("unset");
  };
  EXPECT_EQ(with({}, "sse avx2 avx512f fma"), "SkylakeX");
  EXPECT_EQ(with({}, "sse avx2 fma"), "Haswell");
  EXPECT_EQ(with({}, "sse avx2x avx512fp16"), "unset");
  EXPECT_EQ(with({"OPENBLAS_CORETYPE=Zen"}, "avx512f"), "Zen");
}

}  // namespace
}  // namespace berth::launch
