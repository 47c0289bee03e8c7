// Probabilities of rows beside plain sums in float64, and draws beside the probabilities.
#include "worker/speech/decoding/softmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/speech_decoding/small_tokens.h"

namespace berth::speech {
namespace {

std::vector<float> Row(std::size_t size, unsigned seed, float spread) {
  std::mt19937 random(seed);
  std::normal_distribution<float> draw(0, spread);
  std::vector<float> row(size);
  for (float& logit : row) logit = random() % 5 == 0 ? kNever : draw(random);
  return row;
}

TEST(LogSumExp, IsThatOfAPlainSumForAnyLength) {
  for (const std::size_t size : {1u, 2u, 15u, 16u, 17u, 255u, 256u, 300u, 51'865u}) {
    for (const float spread : {0.0f, 1.0f, 30.0f}) {
      std::vector<float> row = Row(size, 3, spread);
      row.back() = 1;
      double sum = 0;
      for (const float logit : row) sum += std::exp(static_cast<double>(logit));
      EXPECT_NEAR(LogSumExp(row), std::log(sum), 1e-6 * std::max(1.0, std::log(sum))) << size << ", " << spread;
    }
  }
}

TEST(LogSumExp, IsStableAndLeavesOutWhatMayNotCome) {
  const std::vector<float> large = {1000, 1000, kNever};
  EXPECT_NEAR(LogSumExp(large), 1000 + std::log(2.0), 1e-6);
  const std::vector<float> none = {kNever, kNever};
  EXPECT_EQ(LogSumExp(none), kNever);
  EXPECT_EQ(LogSumExp({}), kNever);
}

TEST(Draw, IsTheFirstAtWhichTheSumExceedsTheUniformNumber) {
  // 1/8, 1/2, nothing, 3/8
  const std::vector<float> row = {0, std::log(4.0f), kNever, std::log(3.0f)};
  for (const auto& [uniform, token] : {std::pair{0.0, 0}, {0.12, 0}, {0.13, 1}, {0.62, 1}, {0.63, 3}, {0.999999, 3}}) {
    EXPECT_EQ(Draw(row, 1, uniform), token) << uniform;
  }
  // Squares: 1/26, 16/26, 9/26.
  EXPECT_EQ(Draw(row, 0.5, 0.038), 0);
  EXPECT_EQ(Draw(row, 0.5, 0.039), 1);
  EXPECT_EQ(Draw(row, 0.5, 0.66), 3);
}

TEST(Draw, NeverTakesWhatMayNotCome) {
  std::vector<float> row(2'000, kNever);
  row[777] = 3;
  for (const double uniform : {0.0, 0.3, 1 - 0x1p-53}) EXPECT_EQ(Draw(row, 0.2, uniform), 777) << uniform;
  row[1'999] = 3;
  EXPECT_EQ(Draw(row, 0.2, 0.49), 777);
  EXPECT_EQ(Draw(row, 0.2, 0.51), 1'999);
}

TEST(Draw, FollowsTheProbabilitiesOverALongRow) {
  const std::vector<float> row = Row(3'000, 5, 2);
  const double all = LogSumExp(row);
  const auto best = static_cast<std::int32_t>(std::ranges::max_element(row) - row.begin());
  int hits = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) hits += Draw(row, 1, (i + 0.5) / kDraws) == best ? 1 : 0;
  EXPECT_NEAR(static_cast<double>(hits) / kDraws, std::exp(row[static_cast<std::size_t>(best)] - all), 2.0 / kDraws);
}

}  // namespace
}  // namespace berth::speech
