// A real trained Llama, beside two independent forwards' greedy tokens, logits and log-probabilities: teacher-forced,
// alone and in any company.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/unit/checkpoint/temp_dir.h"
#include "tests/unit/decoder/decoder_drive.h"

namespace berth::engine {
namespace {

class Stories : public testing::Test {
 protected:
  void SetUp() override {
    const auto data = TestData();
    if (data.empty()) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
    const auto dir = data / "models/stories260K";
    std::ifstream file(dir / "golden-greedy.json");
    cases_ = nlohmann::json::parse(file)["cases"];
    auto loaded = LoadDecoder(dir, {.threads = 2, .budget = GiB(1)});
    ASSERT_TRUE(loaded) << loaded.error().message;
    decoder_ = std::move(*loaded);
    for (const auto& each : cases_) sequences_.push_back(each["ids"].get<Ids>());
  }

  // Row `token` of a sequence's logits.
  std::span<const float> Row(const Logits& logits, std::size_t token) const {
    const auto width = static_cast<std::size_t>(decoder_->vocab_size());
    return std::span(logits).subspan(token * width, width);
  }

  void ExpectGreedyIds(const std::vector<Logits>& logits) const {
    for (std::size_t i = 0; i < sequences_.size(); ++i) {
      const std::size_t prompt = cases_[i]["prompt_ids"].size();
      for (std::size_t token = prompt; token < sequences_[i].size(); ++token) {
        const auto row = Row(logits[i], token - 1);
        EXPECT_EQ(std::ranges::max_element(row) - row.begin(), sequences_[i][token]) << "case " << i << ", " << token;
      }
    }
  }

  nlohmann::json cases_;
  std::unique_ptr<Decoder> decoder_;
  std::vector<Ids> sequences_;
};

TEST_F(Stories, GreedyIdsAreTheGoldenOnesAlone) {
  ASSERT_EQ(sequences_.size(), 5u);
  ExpectGreedyIds(LogitsOf(*decoder_, sequences_));
}

TEST_F(Stories, LogitsAndLogProbabilitiesAreTheGoldenOnes) {
  const auto logits = LogitsOf(*decoder_, sequences_);
  for (std::size_t i = 0; i < sequences_.size(); ++i) {
    const auto row = Row(logits[i], cases_[i]["prompt_ids"].size() - 1);
    const auto first = cases_[i]["last_prompt_logits_first8"].get<std::vector<float>>();
    for (std::size_t j = 0; j < first.size(); ++j) EXPECT_NEAR(row[j], first[j], 2e-4) << i;
    double sum = 0;
    for (const float value : row) sum += std::exp(static_cast<double>(value));
    for (const auto& top : cases_[i]["last_prompt_top5"]) {
      EXPECT_NEAR(row[top[0].get<std::size_t>()] - std::log(sum), top[1].get<double>(), 2e-5) << i;
    }
  }
}

TEST_F(Stories, InAnyCompanyCuttingAndBlocksTheBitsAreTheSame) {
  const auto alone = LogitsOf(*decoder_, sequences_);
  for (unsigned seed = 1; seed <= 6; ++seed) {
    const auto together = LogitsOf(*decoder_, sequences_, {seed, 1 + seed * 7 % 40, true});
    ExpectGreedyIds(together);
    EXPECT_EQ(alone, together) << "seed " << seed;
  }
}

TEST_F(Stories, SizesAreThoseOfItsConfig) {
  EXPECT_EQ(decoder_->max_positions(), 512);
  EXPECT_EQ(decoder_->vocab_size(), 512);
  EXPECT_EQ(decoder_->block_bytes().count, 5u * 2 * 4 * 8 * 16 * 4);
}

}  // namespace
}  // namespace berth::engine
