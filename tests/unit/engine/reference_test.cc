// The encoders beside a reference: tiny models of every family and head with what scripts/reference computed
// from them. The measure is max|a − b| ≤ 1e-4 · max|b|, and here the largest share found is printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <random>

#include "worker/checkpoint/safetensors.h"
#include "worker/engine/encoder.h"
#include "worker/models/family.h"
#include "worker/models/packed_tokens.h"
#include "worker/models/relative_bias.h"
#include "worker/models/transformer_encoder.h"

namespace berth::engine {
namespace {

using Ids = std::vector<std::int32_t>;
using Vector = std::vector<float>;

constexpr double kTolerance = 1e-4;

std::filesystem::path Folder() {
  const char* dir = std::getenv("BERTH_SOURCE_DIR");
  return std::filesystem::path(dir != nullptr ? dir : ".") / "tests/golden/encoders";
}

struct Case {
  Ids ids;
  std::size_t second = 0;
  Vector output;  // the pooled vector, or the logit
  Vector hidden;  // [tokens * hidden_size]
};

Vector Floats(const checkpoint::TensorView& view) {
  Vector values(view.data.size() / sizeof(float));
  std::memcpy(values.data(), view.data.data(), view.data.size());
  return values;
}

std::vector<Case> ReadCases(const std::filesystem::path& dir) {
  std::ifstream file(dir / "golden.json");
  const auto rows = nlohmann::json::parse(file)["cases"];
  const auto mapped = checkpoint::MappedFile::Open(dir / "hidden.safetensors");
  const auto hidden = checkpoint::ParseSafetensors(mapped->bytes(), "hidden.safetensors");
  std::vector<Case> cases;
  for (const auto& row : rows) {
    const auto output =
        row.contains("logit") ? Vector{row["logit"].get<float>()} : row["pooled"].get<Vector>();
    const auto view = std::ranges::find(*hidden, std::to_string(cases.size()), &checkpoint::TensorView::name);
    cases.push_back({row["ids"].get<Ids>(), row["second"].get<std::size_t>(), output, Floats(*view)});
  }
  return cases;
}

double LargestDifference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    largest = std::max(largest, std::isnan(difference) ? HUGE_VAL : difference);
  }
  return largest;
}

double Largest(std::span<const float> values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

// What stands beside the cases in a batch: any ids, single texts and pairs.
std::vector<Case> Company(std::mt19937& random, const Encoder& encoder) {
  std::vector<Case> company(random() % 30);
  for (Case& each : company) {
    each.ids.resize(1 + random() % static_cast<unsigned>(encoder.max_tokens()));
    for (auto& id : each.ids)
      id = static_cast<std::int32_t>(random() % static_cast<unsigned>(encoder.vocab_size()));
    if (encoder.task() == Task::kRanking) each.second = random() % each.ids.size();
  }
  return company;
}

std::vector<Vector> EncodeAll(Encoder& encoder, const std::vector<const Case*>& cases) {
  std::vector<Sequence> sequences;
  for (const Case* each : cases) sequences.push_back({each->ids, 0, each->second});
  std::vector<Vector> outputs(cases.size());
  const Status done = encoder.Encode(sequences, [&](std::size_t i, std::span<const float> output) {
    outputs[i].assign(output.begin(), output.end());
  });
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return outputs;
}

class EncoderReference : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(dir / "golden.json")) << dir << " comes with the repository";
    SetComputeThreads(1);
    cases = ReadCases(dir);
    ASSERT_GE(cases.size(), 9u);
  }

  const std::filesystem::path dir = Folder() / GetParam();
  std::vector<Case> cases;
};

// The encoder of the folder, without the engine's face.
struct Bare {
  checkpoint::EncoderConfig config;
  weights::WeightReader weights;
  models::TransformerEncoder encoder;

  explicit Bare(const std::filesystem::path& dir)
      : config(*checkpoint::ReadEncoderConfig(dir)),
        weights(*checkpoint::Checkpoint::Open(dir), {std::string(models::RowOf(config.family).prefix)},
                GiB(1), nullptr),
        encoder(config, weights) {}
};

TEST_P(EncoderReference, HiddenStatesAreTheReferencesAloneAndTogether) {
  c10::InferenceMode inference;
  const Bare bare(dir);
  std::vector<models::TokenRow> rows;
  for (const Case& each : cases) rows.push_back({each.ids, each.second});
  std::atomic<std::uint64_t> steps{0};
  const at::Tensor together = bare.encoder.Forward(models::Pack(rows, bare.config.padding_index), steps);
  double worst = 0;
  const float* row = together.data_ptr<float>();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const Vector& expected = cases[i].hidden;
    const at::Tensor alone =
        bare.encoder.Forward(models::Pack({&rows[i], 1}, bare.config.padding_index), steps).contiguous();
    const std::span<const float> one(alone.data_ptr<float>(), static_cast<std::size_t>(alone.numel()));
    const double difference =
        std::max(LargestDifference(one, expected), LargestDifference({row, expected.size()}, expected));
    worst = std::max(worst, difference / Largest(expected));
    EXPECT_LE(difference, kTolerance * Largest(expected)) << "case " << i;
    row += expected.size();
  }
  std::cout << GetParam() << ": hidden states, largest share " << worst << "\n";
}

TEST_P(EncoderReference, OutputsAreTheReferencesAloneAndInAnyBatch) {
  const auto loaded = Encoder::Load(dir, {GiB(1), nullptr});
  ASSERT_TRUE(loaded) << loaded.error().message;
  Encoder& encoder = **loaded;
  double scale = 0;  // of a logit, the tensor is that of all cases
  for (const Case& each : cases) scale = std::max(scale, Largest(each.output));
  const bool ranking = encoder.task() == Task::kRanking;
  double worst = 0;
  const auto compare = [&](const Vector& output, const Case& expected) {
    const double most = ranking ? scale : Largest(expected.output);
    worst = std::max(worst, LargestDifference(output, expected.output) / most);
  };
  for (const Case& each : cases) compare(EncodeAll(encoder, {&each})[0], each);
  EXPECT_LE(worst, kTolerance) << "alone";
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    const std::vector<Case> company = Company(random, encoder);
    std::vector<const Case*> batch;
    for (const Case& each : cases) batch.push_back(&each);
    for (const Case& each : company) batch.push_back(&each);
    std::ranges::shuffle(batch, random);
    const auto outputs = EncodeAll(encoder, batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (!batch[i]->output.empty()) compare(outputs[i], *batch[i]);
    }
  }
  EXPECT_LE(worst, kTolerance) << "in company";
  std::cout << GetParam() << ": " << (ranking ? "logits" : "pooled vectors") << ", largest share " << worst
            << "\n";
}

TEST_P(EncoderReference, TheContextIsUsedToItsEndAndNotBeyond) {
  const auto loaded = Encoder::Load(dir, {GiB(1), nullptr});
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto most = static_cast<std::size_t>((*loaded)->max_tokens());
  const auto longest = std::ranges::max_element(cases, {}, [](const Case& each) { return each.ids.size(); });
  EXPECT_EQ(longest->ids.size(), most) << "a case has the full length";
  const Ids ids(most + 1, 5);
  const Sequence beyond{ids};
  const Status done = (*loaded)->Encode({&beyond, 1}, [](std::size_t, std::span<const float>) { FAIL(); });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kInvalid);
}

INSTANTIATE_TEST_SUITE_P(All, EncoderReference,
                         testing::Values("bert-embedding", "bert-ranking", "distilbert-embedding",
                                         "distilbert-embedding-bf16", "distilbert-ranking", "mpnet-embedding",
                                         "mpnet-ranking", "mpnet-ranking-f16"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(RelativeBucket, EqualsThePublishedLogarithmForEveryDistance) {
  std::ifstream file(Folder() / "relative-buckets.json");
  const auto golden = nlohmann::json::parse(file);
  auto offset = golden["least_offset"].get<std::int64_t>();
  for (const auto& bucket : golden["buckets"]) {
    EXPECT_EQ(models::RelativeBucket(offset), bucket.get<std::int64_t>()) << offset;
    ++offset;
  }
  EXPECT_GT(offset, 512);
}

TEST(BiasByOffset, EachColumnIsTheTablesRowOfItsBucket) {
  const at::Tensor table = at::arange(64, at::kFloat).view({32, 2});  // [bucket, head] = 2 * bucket + head
  const at::Tensor bias = models::BiasByOffset(table, 20);
  ASSERT_EQ(bias.sizes(), (std::vector<std::int64_t>{2, 39}));
  for (std::int64_t offset = -19; offset < 20; ++offset) {
    for (std::int64_t head = 0; head < 2; ++head) {
      EXPECT_EQ(bias[head][19 - offset].item<float>(), 2 * models::RelativeBucket(offset) + head) << offset;
    }
  }
}

TEST(Pack, MpnetsPaddingInsideOfATextKeepsItsPosition) {
  const Ids first = {7, 1, 8}, second = {9, 9};
  const models::TokenRow rows[] = {{first, 0}, {second, 1}};
  const auto longs = [](const at::Tensor& tensor) {
    const auto* data = tensor.data_ptr<std::int64_t>();
    return std::vector<std::int64_t>(data, data + tensor.numel());
  };
  const auto mpnet = models::Pack(rows, 1);
  EXPECT_EQ(longs(mpnet.positions), (std::vector<std::int64_t>{2, 1, 3, 2, 3}));
  EXPECT_EQ(longs(mpnet.types), (std::vector<std::int64_t>{0, 0, 0, 0, 1}));
  const auto bert = models::Pack({rows, 1}, -1);
  EXPECT_EQ(longs(bert.positions), (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_FALSE(bert.types.defined()) << "no pair, no types";
}

}  // namespace
}  // namespace berth::engine
