#include "supervisor/gpu/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/unit/gpu/fake_world.h"

namespace berth::gpu {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr Duration kLimit = seconds(20);

class ReaderTest : public FakeWorld {
 protected:
  static Reader::Options Fast(std::string library = kNewLibrary) {
    Reader::Options options;
    options.library = std::move(library);
    options.period = milliseconds(1);
    options.slow = milliseconds(20);
    options.retry = milliseconds(1);
    return options;
  }
  // The first reading that was begun after the world was set.
  std::shared_ptr<const Inventory> NextOf(const Reader& reader) {
    return reader.WaitForReading(kLimit, reader.Latest()->number + 1);
  }
};

TEST_F(ReaderTest, ReadsAgainAndAgainAndWhatWasHandedOverStays) {
  Set({{"gpus", {H100("GPU-1", {{"used", kGiB}})}}});
  const Reader reader(Fast());
  const auto first = reader.WaitForReading(kLimit);
  ASSERT_EQ(first->gpus.size(), 1U);
  Set({{"gpus", {H100("GPU-1", {{"used", 2 * kGiB}})}}});
  const auto later = NextOf(reader);
  EXPECT_GT(later->number, first->number);
  EXPECT_GT(later->taken_at, first->taken_at);
  EXPECT_EQ(later->gpus[0].memory->used, GiB(2));
  EXPECT_EQ(first->gpus[0].memory->used, GiB(1));
}

TEST_F(ReaderTest, AHostWithoutTheLibraryHasAReadingThatSaysSo) {
  const Reader reader(Fast("/nowhere/libnvidia-ml.so.1"));
  const auto inventory = reader.WaitForReading(kLimit);
  EXPECT_GE(inventory->number, 1U);
  EXPECT_FALSE(inventory->up());
  EXPECT_THAT(inventory->error, HasSubstr("/nowhere/libnvidia-ml.so.1"));
}

TEST_F(ReaderTest, ADriverThatComesLaterIsFound) {
  Set({{"init", 9}});
  const Reader reader(Fast());
  EXPECT_THAT(reader.WaitForReading(kLimit)->error, HasSubstr("not loaded"));
  Set({{"gpus", {H100("GPU-1")}}});
  EXPECT_TRUE(NextOf(reader)->up());
}

TEST_F(ReaderTest, ABlockedCallIsSaidAndNobodyWaitsForIt) {
  Set({{"gpus", {H100("GPU-1")}}});
  // The other library: the thread that is left behind keeps this one initialised, which other tests would see.
  auto reader = std::make_unique<Reader>(Fast(kOldLibrary));
  ASSERT_TRUE(reader->WaitForReading(kLimit)->up());
  Set({{"gpus", {H100("GPU-1", {{"delay_ms", {{"nvmlDeviceGetPowerUsage", 4000}}}})}}});
  std::string blocked;
  const TimePoint deadline = Clock::now() + kLimit;
  while (blocked.empty() && Clock::now() < deadline) blocked = reader->Blocked(Clock::now() + seconds(3));
  EXPECT_THAT(blocked, HasSubstr("has not answered for"));
  EXPECT_EQ(reader->Latest()->gpus.size(), 1U);
  // The end does not wait for the driver either; what is blocked there finds its state still in place.
  const TimePoint ends = Clock::now();
  reader.reset();
  EXPECT_LT(Clock::now() - ends, seconds(3));
}

}  // namespace
}  // namespace berth::gpu
