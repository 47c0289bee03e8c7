#include "worker/engine/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/unit/engine/tiny_bert.h"

namespace berth::engine {
namespace {

using Ids = std::vector<std::int32_t>;
using Vector = std::vector<float>;

constexpr double kTolerance = 5e-6;

// One thread by default: the tests run beside others, and threads that wait for each other there are slow.
std::unique_ptr<Encoder> LoadOrNull(const std::filesystem::path& dir, int threads = 1) {
  SetComputeThreads(threads);
  auto loaded = Encoder::Load(dir, {GiB(1), nullptr});
  EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().message);
  return loaded ? std::move(*loaded) : nullptr;
}

std::string LoadError(const std::filesystem::path& dir, Bytes budget = GiB(1)) {
  const auto loaded = Encoder::Load(dir, {budget, nullptr});
  return loaded ? "" : loaded.error().message;
}

std::vector<Vector> EncodeAll(Encoder& encoder, const std::vector<Ids>& inputs, std::size_t skip = 0) {
  std::vector<Sequence> sequences;
  for (const Ids& ids : inputs) sequences.push_back({ids, skip});
  std::vector<Vector> vectors(inputs.size());
  const Status done = encoder.Encode(sequences, [&](std::size_t i, std::span<const float> vector) {
    vectors[i].assign(vector.begin(), vector.end());
  });
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return vectors;
}

Vector Unit(Vector vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  for (float& value : vector) value = static_cast<float>(value / std::sqrt(squares));
  return vector;
}

double LargestDifference(const Vector& a, const Vector& b) {
  if (a.size() != b.size()) return 1e9;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

Ids RandomIds(std::mt19937& random, int most, int vocab) {
  Ids ids(1 + random() % static_cast<unsigned>(most));
  for (auto& id : ids) id = static_cast<std::int32_t>(random() % static_cast<unsigned>(vocab));
  return ids;
}

std::filesystem::path SourceDir() {
  const char* dir = std::getenv("BERTH_SOURCE_DIR");
  return dir != nullptr ? dir : ".";
}

std::filesystem::path TestData() {
  const char* dir = std::getenv("BERTH_TEST_DATA");
  return dir != nullptr ? std::filesystem::path(dir) : SourceDir() / "../shared/data";
}

struct Golden {
  std::filesystem::path model;
  std::filesystem::path file;
};

// Both the golden vectors and the model's are unit vectors.
void ExpectGolden(const Golden& golden) {
  std::ifstream file(golden.file);
  const auto cases = nlohmann::json::parse(file)["cases"];
  const auto encoder = LoadOrNull(golden.model, 2);
  ASSERT_TRUE(encoder);
  std::vector<Ids> inputs;
  std::vector<Vector> expected;
  for (const auto& each : cases) {
    inputs.push_back(each["ids"].get<Ids>());
    expected.push_back(each["embedding"].get<Vector>());
  }
  double worst = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    worst = std::max(worst, LargestDifference(Unit(EncodeAll(*encoder, {inputs[i]})[0]), expected[i]));
  }
  EXPECT_LE(worst, kTolerance) << "alone";
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    std::vector<Ids> batch = inputs;
    const auto company = random() % 40;
    for (unsigned i = 0; i < company; ++i) {
      batch.push_back(RandomIds(random, encoder->max_tokens(), encoder->vocab_size()));
    }
    const auto vectors = EncodeAll(*encoder, batch);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      worst = std::max(worst, LargestDifference(Unit(vectors[i]), expected[i]));
    }
  }
  std::cout << golden.model.filename().string() << ": largest difference " << worst << "\n";
  EXPECT_LE(worst, kTolerance) << "in company";
}

TEST(Encoder, EqualsTheReferenceOfBertMiniAloneAndInAnyBatch) {
  const auto dir = TestData() / "models/bert-mini-sts";
  if (!std::filesystem::exists(dir)) GTEST_SKIP() << "no test data at " << dir << "; set BERTH_TEST_DATA";
  ExpectGolden({dir, dir / "golden-embeddings.json"});
}

TEST(Encoder, EqualsTheReferenceOfTheDemoModelAloneAndInAnyBatch) {
  const auto dir = SourceDir() / "examples/quickstart/models/demo-embed";
  const auto golden = SourceDir() / "tests/golden/demo-embed.json";
  ASSERT_TRUE(std::filesystem::exists(golden)) << golden << " comes with the repository";
  ExpectGolden({dir, golden});
}

TEST(Encoder, ReportsWhatTheModelIs) {
  TinyBert tiny;
  const auto encoder = LoadOrNull(tiny.Write());
  ASSERT_TRUE(encoder);
  EXPECT_EQ(encoder->dimensions(), TinyBert::kHidden);
  EXPECT_EQ(encoder->max_tokens(), TinyBert::kPositions);
  EXPECT_EQ(encoder->vocab_size(), TinyBert::kVocab);
}

TEST(Encoder, CompanyChangesNothingForAnyShapeOfBatch) {
  TinyBert tiny;
  const auto encoder = LoadOrNull(tiny.Write());
  ASSERT_TRUE(encoder);
  std::mt19937 random(2);
  for (int round = 0; round < 30; ++round) {
    std::vector<Ids> batch;
    for (unsigned i = 0; i < 1 + random() % 60; ++i) batch.push_back(RandomIds(random, 64, TinyBert::kVocab));
    const auto together = EncodeAll(*encoder, batch);
    for (std::size_t i = 0; i < batch.size(); i += 7) {
      EXPECT_LE(LargestDifference(together[i], EncodeAll(*encoder, {batch[i]})[0]), kTolerance);
    }
  }
}

TEST(Encoder, OrderOfTokensMatters) {
  TinyBert tiny;
  const auto encoder = LoadOrNull(tiny.Write());
  ASSERT_TRUE(encoder);
  const auto vectors = EncodeAll(*encoder, {{1, 2, 3}, {3, 2, 1}});
  EXPECT_GT(LargestDifference(vectors[0], vectors[1]), 1e-3);
}

TEST(Encoder, PrefixedAndOldNamesAreTheSameModel) {
  TinyBert tiny;
  const auto expected = EncodeAll(*LoadOrNull(tiny.Write()), {{1, 2, 3}});
  EXPECT_EQ(EncodeAll(*LoadOrNull(tiny.Write("F32", "bert.")), {{1, 2, 3}}), expected);
  for (const std::string norm : {"embeddings.LayerNorm", "encoder.layer.1.output.LayerNorm"}) {
    tiny.tensors[norm + ".gamma"] = tiny.tensors[norm + ".weight"];
    tiny.tensors[norm + ".beta"] = tiny.tensors[norm + ".bias"];
    tiny.tensors.erase(norm + ".weight");
    tiny.tensors.erase(norm + ".bias");
  }
  EXPECT_EQ(EncodeAll(*LoadOrNull(tiny.Write()), {{1, 2, 3}}), expected);
}

TEST(Encoder, HalfWeightsAreWidenedExactly) {
  TinyBert tiny;  // whose values BF16 represents exactly
  const auto expected = EncodeAll(*LoadOrNull(tiny.Write()), {{1, 2, 3}, {4, 5}});
  EXPECT_EQ(EncodeAll(*LoadOrNull(tiny.Write("BF16")), {{1, 2, 3}, {4, 5}}), expected);
}

TEST(Encoder, TensorsAtOddAddressesAreRead) {
  TinyBert tiny;
  const auto expected = EncodeAll(*LoadOrNull(tiny.Write()), {{1, 2, 3}});
  EXPECT_EQ(EncodeAll(*LoadOrNull(tiny.Write("F32", "", 3)), {{1, 2, 3}}), expected);
}

TEST(Encoder, ActivationsDiffer) {
  TinyBert tiny;
  const auto gelu = EncodeAll(*LoadOrNull(tiny.Write()), {{1, 2, 3}})[0];
  for (const std::string activation : {"gelu_new", "relu", "silu"}) {
    tiny.config["hidden_act"] = activation;
    const auto other = EncodeAll(*LoadOrNull(tiny.Write()), {{1, 2, 3}})[0];
    EXPECT_GT(LargestDifference(gelu, other), 1e-6) << activation;
  }
}

TEST(Encoder, ThePoolingLeavesThePromptOut) {
  TinyBert tiny;
  const auto encoder = LoadOrNull(tiny.Write());
  const auto all = EncodeAll(*encoder, {{1, 2, 3, 4}})[0];
  const auto skipped = EncodeAll(*encoder, {{1, 2, 3, 4}}, 2)[0];
  EXPECT_GT(LargestDifference(all, skipped), 1e-4);
  EXPECT_EQ(EncodeAll(*encoder, {{1, 2, 3, 4}}, 4)[0], all)
      << "a prompt and nothing else: it is all there is";
}

TEST(Encoder, PoolingModesDiffer) {
  TinyBert tiny;
  tiny.Write();
  std::filesystem::create_directories(tiny.dir() / "1_Pooling");
  const std::vector<std::string> modes = {"mean", "cls", "lasttoken", "max"};
  std::vector<Vector> vectors;
  for (const std::string& mode : modes) {
    std::ofstream(tiny.dir() / "1_Pooling/config.json") << nlohmann::json({{"pooling_mode", mode}});
    vectors.push_back(EncodeAll(*LoadOrNull(tiny.dir()), {{1, 2, 3, 4}})[0]);
  }
  for (std::size_t i = 0; i < modes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j)
      EXPECT_GT(LargestDifference(vectors[i], vectors[j]), 1e-4) << modes[i] << modes[j];
    for (std::size_t c = 0; c < vectors[i].size(); ++c)
      EXPECT_GE(vectors[3][c], vectors[i][c] - 1e-6) << "max is largest";
  }
}

TEST(Encoder, StepsGrowWithTheLayers) {
  TinyBert tiny;
  const auto encoder = LoadOrNull(tiny.Write());
  EXPECT_EQ(encoder->steps(), 0u);
  EncodeAll(*encoder, {{1, 2, 3}});
  EXPECT_EQ(encoder->steps(), 4u) << "two for each of two layers";
}

TEST(Encoder, LoadingReportsProgressUpToOne) {
  TinyBert tiny;
  std::vector<double> shares;
  const auto loaded = Encoder::Load(tiny.Write(), {GiB(1), [&](double share) { shares.push_back(share); }});
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_NEAR(shares.back(), 1, 1e-9);
}

TEST(Encoder, AMissingTensorIsNamedWithItsShape) {
  TinyBert tiny;
  tiny.tensors.erase("encoder.layer.1.intermediate.dense.weight");
  const std::string error = LoadError(tiny.Write());
  EXPECT_NE(error.find("encoder.layer.1.intermediate.dense.weight"), std::string::npos) << error;
  EXPECT_NE(error.find("[64, 32]"), std::string::npos) << error;
}

TEST(Encoder, AWrongShapeNamesBothShapes) {
  TinyBert tiny;
  tiny.config["vocab_size"] = 41;
  const std::string error = LoadError(tiny.Write());
  EXPECT_NE(error.find("word_embeddings"), std::string::npos) << error;
  EXPECT_NE(error.find("[40, 32]"), std::string::npos) << error;
  EXPECT_NE(error.find("[41, 32]"), std::string::npos) << error;
}

TEST(Encoder, AnIntegerWeightIsRefusedByName) {
  TinyBert tiny;
  const std::string error = LoadError(tiny.Write("I32"));
  EXPECT_NE(error.find("I32"), std::string::npos) << error;
}

TEST(Encoder, WidenedWeightsBeyondTheBudgetAreRefused) {
  TinyBert tiny;
  const auto loaded = Encoder::Load(tiny.Write("BF16"), {KiB(16), nullptr});
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().kind, ErrorKind::kExhausted);
  EXPECT_TRUE(Encoder::Load(tiny.Write("F32"), {KiB(16), nullptr}))
      << "mapped weights cost no private memory";
}

TEST(Encoder, HeadsBesideTheEncoderAreIgnored) {
  TinyBert tiny;
  tiny.tensors["pooler.dense.weight"] = {{1}, {1}};
  tiny.tensors["cls.predictions.bias"] = {{1}, {1}};
  tiny.tensors["something.else"] = {{1}, {1}};
  EXPECT_EQ(LoadError(tiny.Write()), "");
}

TEST(Encoder, IdsAndLengthsOutOfRangeAreErrors) {
  TinyBert tiny;
  const auto encoder = LoadOrNull(tiny.Write());
  for (const Ids& bad : {Ids{}, Ids{40}, Ids{-1}, Ids(65, 1)}) {
    const Sequence sequence{bad};
    const Status done = encoder->Encode({&sequence, 1}, [](std::size_t, std::span<const float>) { FAIL(); });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().kind, ErrorKind::kInvalid);
  }
}

Status EncodeOne(Encoder& encoder, const Sequence& sequence) {
  return encoder.Encode({&sequence, 1}, [](std::size_t, std::span<const float>) {});
}

TEST(Encoder, ASecondTextMayBeginAtTheEndAndNotBehindIt) {
  TinyBert tiny;
  const auto encoder = LoadOrNull(tiny.Write());
  const Ids ids = {1, 2, 3};
  EXPECT_TRUE(EncodeOne(*encoder, {ids, 0, 3}));
  const Status behind = EncodeOne(*encoder, {ids, 0, 4});
  ASSERT_FALSE(behind);
  EXPECT_EQ(behind.error().kind, ErrorKind::kInvalid);
  EXPECT_NE(behind.error().message.find("token 4 of 3"), std::string::npos) << behind.error().message;
}

TEST(Encoder, APairForAModelOfOneTokenTypeIsAnError) {
  TinyBert tiny;
  tiny.config["type_vocab_size"] = 1;
  auto& types = tiny.tensors["embeddings.token_type_embeddings.weight"];
  types.shape = {1, TinyBert::kHidden};
  types.values.resize(TinyBert::kHidden);
  const auto encoder = LoadOrNull(tiny.Write());
  const Ids ids = {1, 2, 3};
  EXPECT_TRUE(EncodeOne(*encoder, {ids}));
  const Status pair = EncodeOne(*encoder, {ids, 0, 1});
  ASSERT_FALSE(pair);
  EXPECT_EQ(pair.error().kind, ErrorKind::kInvalid);
}

TEST(Encoder, ARerankerMakesOneNumberOfAPair) {
  TinyBert tiny;
  tiny.MakeReranker();
  const auto encoder = LoadOrNull(tiny.Write());
  ASSERT_TRUE(encoder);
  EXPECT_EQ(encoder->task(), Task::kRanking);
  EXPECT_EQ(encoder->dimensions(), 1);
  const auto scores = EncodeAll(*encoder, {{1, 2, 3}, {3, 2, 1}});
  EXPECT_EQ(scores[0].size(), 1u);
  EXPECT_GT(LargestDifference(scores[0], scores[1]), 1e-4);
}

TEST(Encoder, ARerankerWithoutItsHeadIsRefusedByTheTensorsName) {
  for (const std::string name : {"pooler.dense.weight", "classifier.weight", "classifier.bias"}) {
    TinyBert tiny;
    tiny.MakeReranker();
    tiny.tensors.erase(name);
    const std::string error = LoadError(tiny.Write());
    EXPECT_NE(error.find("\"" + name + "\""), std::string::npos) << error;
  }
}

TEST(Encoder, AnEmbeddingModelIsNoReranker) {
  TinyBert tiny;
  EXPECT_EQ(LoadOrNull(tiny.Write())->task(), Task::kEmbedding);
}

TEST(Encoder, AWeightThatIsNotANumberIsFoundOut) {
  TinyBert tiny;
  tiny.tensors["encoder.layer.0.output.dense.bias"].values[3] = std::nanf("");
  const auto encoder = LoadOrNull(tiny.Write());
  const Ids ids = {1, 2};
  const Sequence sequence{ids};
  const Status done = encoder->Encode({&sequence, 1}, [](std::size_t, std::span<const float>) { FAIL(); });
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("not a finite number"), std::string::npos);
}

std::uint64_t AnonymousBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

// Bytes per batch by least squares.
double Slope(const std::vector<double>& y) {
  const double n = static_cast<double>(y.size());
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double x = static_cast<double>(i);
    sx += x, sy += y[i], sxx += x * x, sxy += x * y[i];
  }
  return (n * sxy - sx * sy) / (n * sxx - sx * sx);
}

TEST(Encoder, MemoryStaysFlatOverThreeThousandDistinctBatchSizes) {
  TinyBert tiny;
  const auto encoder = LoadOrNull(tiny.Write());
  constexpr int kSizes = 3000;
  std::vector<double> anonymous;
  for (int i = 1; i <= kSizes; ++i) {
    const int tokens = i * 1117 % (kSizes + 1);  // each of 1 … 3000 once, in an order that does not grow
    std::vector<Ids> batch(static_cast<std::size_t>(tokens / 64), Ids(64, 1));
    if (tokens % 64 != 0) batch.emplace_back(tokens % 64, 2);
    EncodeAll(*encoder, batch);
    if (i > 200) anonymous.push_back(static_cast<double>(AnonymousBytes()));
  }
  const double slope = Slope(anonymous);
  std::cout << "RssAnon " << anonymous.front() / 1e6 << " MB -> " << anonymous.back() / 1e6 << " MB over "
            << anonymous.size() << " distinct batch sizes: " << slope << " bytes a batch\n";
  EXPECT_LT(slope, 1024)
      << "3 MB in all, were it a leak; a primitive cached per size costs hundreds of KB each";
  EXPECT_GT(slope, -4096);
}

}  // namespace
}  // namespace berth::engine
