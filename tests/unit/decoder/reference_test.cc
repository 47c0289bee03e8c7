// The decoders beside a reference: tiny models of every family and every kind of angles with the logits that
// scripts/reference computed from them in float64. The measure is max|a − b| ≤ share · max|b|, and here the largest share
// found is printed. In float32 a row's bits are the same in any company, cutting and blocks.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/unit/decoder/decoder_drive.h"
#include "worker/checkpoint/decoder_footprint.h"
#include "worker/checkpoint/safetensors.h"

namespace berth::engine {
namespace {

constexpr double kTolerance = 1e-4;
// Weights are the same numbers as the reference's; keys and values are rounded to 8 bits in the cache.
constexpr double kBfloat16Tolerance = 2e-2;

std::filesystem::path Folder(const std::string& name) {
  const char* dir = std::getenv("BERTH_SOURCE_DIR");
  return std::filesystem::path(dir != nullptr ? dir : ".") / "tests/golden/decoders" / name;
}

struct Golden {
  std::int64_t context = 0;
  std::vector<Ids> sequences;
  std::vector<Logits> logits;
};

Golden Read(const std::filesystem::path& dir) {
  std::ifstream file(dir / "golden.json");
  const auto json = nlohmann::json::parse(file);
  Golden golden{json["context"].get<std::int64_t>(), json["cases"].get<std::vector<Ids>>(), {}};
  const auto mapped = checkpoint::MappedFile::Open(dir / "logits.safetensors").value();
  const auto views = checkpoint::ParseSafetensors(mapped.bytes(), "logits.safetensors").value();
  for (std::size_t i = 0; i < golden.sequences.size(); ++i) {
    const auto view = std::ranges::find(views, std::to_string(i), &checkpoint::TensorView::name);
    Logits logits(view->data.size() / sizeof(float));
    std::memcpy(logits.data(), view->data.data(), view->data.size());
    golden.logits.push_back(std::move(logits));
  }
  return golden;
}

// max|a − b| / max|b|
double Share(const Logits& a, const Logits& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(b[i])));
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - b[i]));
  }
  return difference / most;
}

double Worst(const std::vector<Logits>& logits, const Golden& golden) {
  double worst = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) worst = std::max(worst, Share(logits[i], golden.logits[i]));
  return worst;
}

std::unique_ptr<Decoder> Load(const std::filesystem::path& dir, const Golden& golden, DecoderDtype dtype, int threads) {
  DecoderOptions options;
  options.dtype = dtype;
  options.context = golden.context;
  options.threads = threads;
  options.budget = GiB(1);
  auto loaded = LoadDecoder(dir, options);
  if (!loaded) throw std::runtime_error(loaded.error().message);
  return std::move(*loaded);
}

class DecoderReference : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(dir_ / "golden.json")) << dir_ << " comes with the repository";
    golden_ = Read(dir_);
    ASSERT_EQ(golden_.sequences.size(), 4u);
  }

  std::unique_ptr<Decoder> Load(DecoderDtype dtype, int threads) const {
    return engine::Load(dir_, golden_, dtype, threads);
  }

  const std::filesystem::path dir_ = Folder(GetParam());
  Golden golden_;
};

TEST_P(DecoderReference, LogitsAreTheReferencesAndTheSameBitsInAnyCompanyCuttingAndBlocks) {
  const auto decoder = Load(DecoderDtype::kFloat32, 2);
  const auto alone = LogitsOf(*decoder, golden_.sequences);
  const double worst = Worst(alone, golden_);
  EXPECT_LE(worst, kTolerance);
  for (unsigned seed = 1; seed <= 8; ++seed) {
    EXPECT_EQ(LogitsOf(*decoder, golden_.sequences, {seed, 1 + seed * 5 % 33, true}), alone) << "seed " << seed;
  }
  EXPECT_EQ(LogitsOf(*Load(DecoderDtype::kFloat32, 1), golden_.sequences, {9, 7, false}), alone) << "one thread";
  std::cout << GetParam() << ": logits, largest share " << worst << "\n";
}

TEST_P(DecoderReference, WeightsAndBlocksAreForetold) {
  const auto config = checkpoint::ReadDecoderConfig(dir_).value();
  const auto files = checkpoint::Checkpoint::Open(dir_).value();
  for (const auto dtype : {DecoderDtype::kAuto, DecoderDtype::kFloat32, DecoderDtype::kBfloat16}) {
    const auto decoder = Load(dtype, 1);
    const auto kept = checkpoint::KeptDtype(dtype, config, files);
    const auto foretold = checkpoint::WeightsOf(config, kept, files);
    EXPECT_EQ(decoder->weights_mapped(), foretold.mapped);
    EXPECT_EQ(decoder->weights_owned(), foretold.owned);
    EXPECT_EQ(decoder->block_bytes(), checkpoint::CacheBlockBytes(config, kept, kBlockTokens));
  }
}

// All private memory that is counted: weights, cache, and the peak of a pass.
TEST_P(DecoderReference, MemoryIsForetoldToTheByte) {
  Budget meter;
  DecoderOptions options;
  options.context = golden_.context;
  options.budget = GiB(1);
  options.meter = &meter;
  auto loaded = LoadDecoder(dir_, options);
  ASSERT_TRUE(loaded) << loaded.error().message;
  Decoder& decoder = **loaded;
  EXPECT_EQ(meter.taken(), decoder.weights_owned().count);
  ASSERT_TRUE(decoder.AllocateCache(7));
  const std::uint64_t held = decoder.weights_owned().count + 7 * decoder.block_bytes().count;
  EXPECT_EQ(meter.taken(), held);
  const auto& ids = golden_.sequences[2];  // 33 tokens
  const std::vector<BlockId> blocks = {6, 0, 3};
  const Slice slice{ids, 0, blocks, ids.size() - 3};
  std::span<const float> logits;
  ASSERT_TRUE(decoder.Forward({&slice, 1}, logits));
  const auto config = checkpoint::ReadDecoderConfig(dir_).value();
  EXPECT_EQ(meter.taken() - held, checkpoint::PeakActivations(config, 33, 3).count);
  loaded->reset();
  EXPECT_EQ(meter.taken(), 0u);
}

INSTANTIATE_TEST_SUITE_P(All, DecoderReference,
                         testing::Values("llama-1", "llama-3", "llama-biases", "llama-linear-f16",
                                         "llama-longrope-short", "llama-longrope-long", "qwen2-window", "qwen2-yarn",
                                         "qwen3", "qwen3-yarn", "qwen3-yarn-attention", "qwen3-window-bf16"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(DecoderReferenceBfloat16, StaysNearAndIsWhatAutoMeansForSuchACheckpoint) {
  const auto dir = Folder("qwen3-window-bf16");
  const Golden golden = Read(dir);
  const auto decoder = Load(dir, golden, DecoderDtype::kAuto, 2);
  EXPECT_LT(decoder->block_bytes(), Load(dir, golden, DecoderDtype::kFloat32, 1)->block_bytes());
  const double worst = Worst(LogitsOf(*decoder, golden.sequences, {1, 20, true}), golden);
  EXPECT_LE(worst, kBfloat16Tolerance);
  EXPECT_GT(worst, 1e-5) << "keys and values are not rounded";
  std::cout << "bfloat16: logits, largest share " << worst << "\n";
}

}  // namespace
}  // namespace berth::engine
