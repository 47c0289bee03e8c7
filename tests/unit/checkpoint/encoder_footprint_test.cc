#include "worker/checkpoint/encoder_footprint.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/checkpoint/temp_dir.h"

namespace berth::checkpoint {
namespace {

namespace fs = std::filesystem;

fs::path GoldenEncoders() {
  const char* source = std::getenv("BERTH_SOURCE_DIR");
  return fs::path(source != nullptr ? source : ".") / "tests/golden/encoders";
}

// The header of a safetensors file, read by nothing but a JSON parser.
nlohmann::json Header(const fs::path& dir) {
  std::ifstream file(dir / "model.safetensors", std::ios::binary);
  std::uint64_t size = 0;
  file.read(reinterpret_cast<char*>(&size), sizeof size);
  std::string text(size, '\0');
  file.read(text.data(), static_cast<std::streamsize>(size));
  return nlohmann::json::parse(text);
}

std::uint64_t Elements(const nlohmann::json& tensor) {
  std::uint64_t count = 1;
  for (const auto& extent : tensor["shape"]) count *= extent.get<std::uint64_t>();
  return count;
}

// Elements of the tensors that `wanted` takes.
std::uint64_t CountElements(const fs::path& dir, const std::function<bool(const std::string&)>& wanted) {
  const nlohmann::json header = Header(dir);
  std::uint64_t count = 0;
  for (const auto& [name, tensor] : header.items()) {
    if (name != "__metadata__" && wanted(name)) count += Elements(tensor);
  }
  return count;
}

WeightBytes Weights(const fs::path& dir) {
  return WeightsOf(ReadEncoderConfig(dir).value(), Checkpoint::Open(dir).value());
}

bool IsOfHead(const std::string& name) {
  return name.starts_with("pooler.") || name.find("classifier") != std::string::npos;
}

bool Any(const std::string&) { return true; }
bool BesideTheHead(const std::string& name) { return !IsOfHead(name) && !name.ends_with("position_ids"); }

TEST(EncoderFootprint, Float32WeightsStayInTheFile) {
  const fs::path dir = GoldenEncoders() / "bert-embedding";
  const WeightBytes bytes = Weights(dir);
  EXPECT_EQ(bytes.mapped.count, 4 * CountElements(dir, BesideTheHead));
  EXPECT_GT(bytes.mapped.count, 10'000U);
  EXPECT_EQ(bytes.owned.count, 0U);
  EXPECT_EQ(bytes.largest_half.count, 0U);
}

TEST(EncoderFootprint, AHeadCountsWhereTheModelRanks) {
  const fs::path dir = GoldenEncoders() / "bert-ranking";
  EXPECT_EQ(Weights(dir).mapped.count, 4 * CountElements(dir, Any));
  EXPECT_GT(CountElements(dir, IsOfHead), 0U);
}

TEST(EncoderFootprint, HalfPrecisionIsWidenedIntoMemoryOfItsOwn) {
  const fs::path dir = GoldenEncoders() / "distilbert-embedding-bf16";
  const WeightBytes bytes = Weights(dir);
  EXPECT_EQ(bytes.mapped.count, 0U);
  EXPECT_EQ(bytes.owned.count, 4 * CountElements(dir, BesideTheHead));
  const nlohmann::json header = Header(dir);
  std::uint64_t largest = 0;
  for (const auto& [name, tensor] : header.items()) {
    if (name != "__metadata__") largest = std::max(largest, 2 * Elements(tensor));
  }
  EXPECT_EQ(bytes.largest_half.count, largest);
}

TEST(EncoderFootprint, TheTableOfRelativeBiasesIsOwnedByEach) {
  const fs::path dir = GoldenEncoders() / "mpnet-embedding";
  const EncoderConfig config = ReadEncoderConfig(dir).value();
  const auto expected = static_cast<std::uint64_t>(4 * config.heads * (2 * config.max_tokens() - 1));
  EXPECT_EQ(Weights(dir).owned.count, expected);
}

TEST(EncoderFootprint, ARealModelsWeightsAreItsTensors) {
  const fs::path data = TestData();
  if (data.empty()) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
  const fs::path dir = data / "models/bert-mini-sts";
  EXPECT_EQ(Weights(dir).mapped.count, 4 * CountElements(dir, BesideTheHead));
}

EncoderConfig Small() {
  EncoderConfig config;
  config.hidden_size = 8;
  config.heads = 2;
  config.intermediate_size = 32;
  return config;
}

TEST(EncoderFootprint, ShortSequencesPeakInTheFeedForward) {
  // x, the result and its norm: 3 * 8; up and its activation: 2 * 32.
  EXPECT_EQ(PeakActivations(Small(), 100, 1).count, 4U * 100 * (3 * 8 + 2 * 32));
}

TEST(EncoderFootprint, ALongSequencePeaksInItsScores) {
  // x, q, k, v and the result; scores and softmax; two copies.
  EXPECT_EQ(PeakActivations(Small(), 2000, 2000).count, 4U * (5 * 2000 * 8 + 2 * 2 * 2000 * 2000 + 2 * 2000 * 8));
}

TEST(EncoderFootprint, ScoresAreBoundedUntilOneSequenceNeedsMore) {
  // 4 heads, 512 tokens: two sequences are 2 Mi scores, as many as are held at once; of a batch of 8 no more.
  EncoderConfig config = Small();
  config.heads = 4;
  const auto peak = [&config](std::int64_t tokens) { return PeakActivations(config, tokens, 512).count; };
  EXPECT_LT(peak(4096) - peak(1024), 4U * 3072 * (3 * 8 + 2 * 32) + 1);
  EXPECT_GE(peak(1024), 4U * 2 * kScoresAtOnce);
}

TEST(EncoderFootprint, ARelativeBiasTurnsKeysAndValuesAround) {
  EncoderConfig config = Small();
  const auto without = PeakActivations(config, 2000, 2000).count;
  config.relative_buckets = 32;
  EXPECT_EQ(PeakActivations(config, 2000, 2000).count - without, 4U * 2 * 2000 * 8);
}

TEST(EncoderFootprint, APassHoldsWhatIsComputedAtOnceOrOneLongSequence) {
  EXPECT_EQ(TokensOfAPass(16'384, 512), kTokensAtOnce);
  EXPECT_EQ(TokensOfAPass(600, 512), 600);
  EXPECT_EQ(TokensOfAPass(64, 512), 512);
  EXPECT_EQ(TokensOfAPass(16'384, 8192), 8192);
}

}  // namespace
}  // namespace berth::checkpoint
