#include "worker/metering/heap.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <thread>
#include <vector>

namespace berth::engine {
namespace {

constexpr std::size_t kTensor = 12 << 20;
constexpr int kLayers = 20;
constexpr long kPagesOfOneTensor = kTensor / 4096;

void ComputeLayers() {
  for (int layer = 0; layer < kLayers; ++layer) {
    std::vector<std::vector<char>> tensors(3);
    for (auto& tensor : tensors) tensor.assign(kTensor, 1);
  }
}

long PageFaults() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// In a process of its own: what a heap does depends on the threads that were there before.
TEST(HeapDeathTest, ALayerDoesNotTakeItsMemoryFromTheKernelAnew) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "its heap is not the C library's";
#endif
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        KeepFreedMemory();
        std::thread(ComputeLayers).join();
        const long before = PageFaults();
        std::thread(ComputeLayers).join();
        ::_exit(PageFaults() - before < kPagesOfOneTensor ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace berth::engine
