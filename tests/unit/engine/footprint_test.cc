// What checkpoint/encoder_footprint.h says, beside what libtorch really allocates.
#include "worker/checkpoint/encoder_footprint.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/engine/tiny_bert.h"
#include "worker/engine/encoder.h"

namespace berth::engine {
namespace {

// Counts the tensors of the thread that holds it.
class Counted : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, std::int64_t size, std::int64_t, std::int64_t, c10::Device) override {
    now_ += size;
    most_ = std::max(most_, now_);
  }
  bool memoryProfilingEnabled() const override { return true; }
  std::uint64_t most() const { return static_cast<std::uint64_t>(most_); }

 private:
  std::int64_t now_ = 0;
  std::int64_t most_ = 0;
};

// The most that is alive while `count` sequences of `length` tokens are encoded.
std::uint64_t Measure(Encoder& encoder, std::size_t count, std::size_t length) {
  const std::vector<std::int32_t> ids(length, 1);
  const std::vector<Sequence> sequences(count, Sequence{ids});
  const auto counted = std::make_shared<Counted>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, counted);
  EXPECT_TRUE(encoder.Encode(sequences, [](std::size_t, std::span<const float>) {}));
  return counted->most();
}

std::unique_ptr<Encoder> Load(const std::filesystem::path& dir) {
  return std::move(*Encoder::Load(dir, {GiB(1), nullptr}));
}

std::filesystem::path Golden(const std::string& name) {
  const char* dir = std::getenv("BERTH_SOURCE_DIR");
  return std::filesystem::path(dir != nullptr ? dir : ".") / "tests/golden/encoders" / name;
}

constexpr const char* kEncoders[] = {"bert-embedding",       "bert-ranking",    "distilbert-embedding", "distilbert-embedding-bf16",
                                     "distilbert-ranking",   "mpnet-embedding", "mpnet-ranking",        "mpnet-ranking-f16"};

TEST(Footprint, WeightsAreThoseThatTheModelTakes) {
  for (const char* name : kEncoders) {
    const auto dir = Golden(name);
    const auto config = checkpoint::ReadEncoderConfig(dir).value();
    const auto foretold = checkpoint::WeightsOf(config, checkpoint::Checkpoint::Open(dir).value());
    const auto encoder = Load(dir);
    EXPECT_EQ(encoder->weights_mapped(), foretold.mapped) << name;
    EXPECT_EQ(encoder->weights_owned(), foretold.owned) << name;
  }
}

TEST(Footprint, UnalignedWeightsAreOwned) {
  TinyBert tiny;
  const auto dir = tiny.Write("F32", "", 1);
  const auto foretold =
      checkpoint::WeightsOf(checkpoint::ReadEncoderConfig(dir).value(), checkpoint::Checkpoint::Open(dir).value());
  EXPECT_EQ(foretold.mapped.count, 0U);
  EXPECT_EQ(Load(dir)->weights_owned(), foretold.owned);
}

// Hardly above (ids, positions and results are small beside layers), and hardly below (a group of one needs no copies).
void ExpectForetold(const std::filesystem::path& dir, std::size_t count, std::size_t length) {
  const auto config = checkpoint::ReadEncoderConfig(dir).value();
  const auto tokens = static_cast<std::int64_t>(count * length);
  const double foretold = static_cast<double>(
      checkpoint::PeakActivations(config, tokens, static_cast<std::int64_t>(length)).count);
  const double measured = static_cast<double>(Measure(*Load(dir), count, length));
  EXPECT_LE(measured, foretold * 1.05) << count << " x " << length;
  EXPECT_GE(measured, foretold * 0.95) << count << " x " << length;
  std::printf("%s, %zu x %zu tokens: foretold %.0f KiB, measured %.0f KiB\n", dir.filename().c_str(), count, length,
              foretold / 1024, measured / 1024);
}

TEST(Footprint, ActivationsPeakAsForetold) {
  TinyBert tiny;
  const auto dir = tiny.Write();
  ExpectForetold(dir, 1, TinyBert::kPositions);
  ExpectForetold(dir, 16, TinyBert::kPositions);
  ExpectForetold(dir, 1024 / 40, 40);
  ExpectForetold(dir, 512, 2);
  ExpectForetold(Golden("mpnet-embedding"), 20, 40);
  ExpectForetold(Golden("distilbert-embedding"), 20, 32);
}

}  // namespace
}  // namespace berth::engine
