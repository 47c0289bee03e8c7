#include "worker/generation/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "worker/generation/logprobs.h"
#include "worker/generation/philox.h"
#include "worker/generation/token_filter.h"

namespace berth::engine {
namespace {

std::int32_t Greedy(Sampling sampling, const std::vector<float>& logits, const std::vector<std::int32_t>& outputs = {},
                    const std::vector<std::int32_t>& prompt = {}, const std::vector<std::int32_t>& masked = {},
                    int vocab = 1000) {
  sampling.temperature = 0;
  const auto distinct = DistinctIds(sampling, prompt);
  Sampler sampler(sampling, {1, 0, distinct}, vocab);
  for (const std::int32_t id : outputs) sampler.SeeOutput(id);
  return sampler.Draw(logits, 0, masked);
}

// Which ids come out of many draws.
std::set<std::int32_t> Drawn(const Sampling& sampling, const std::vector<float>& logits) {
  Sampler sampler(sampling, {7, 0, {}}, 1000);
  std::set<std::int32_t> ids;
  for (int position = 0; position < 2000; ++position) ids.insert(sampler.Draw(logits, position, {}));
  return ids;
}

std::vector<float> Logs(std::vector<double> probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

// The test vectors of the Random123 distribution of the paper's authors.
TEST(Philox, GivesTheKnownAnswers) {
  EXPECT_EQ(Philox({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(Philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformNumbersAreSpreadAndDependOnEachOfTheirPlaces) {
  double sum = 0;
  for (std::uint64_t position = 0; position < 10'000; ++position) {
    const double drawn = Uniform(3, 0, position);
    ASSERT_GE(drawn, 0);
    ASSERT_LT(drawn, 1);
    sum += drawn;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.01);
  EXPECT_NE(Uniform(3, 0, 5), Uniform(3, 0, 6));
  EXPECT_NE(Uniform(3, 0, 5), Uniform(3, 1, 5));
  EXPECT_NE(Uniform(3, 0, 5), Uniform(3ULL << 32, 0, 5));
}

TEST(Sampler, GreedyTakesTheBestAndTheLowestIdAmongEquals) {
  EXPECT_EQ(Greedy({}, {1, 3, 2}), 1);
  EXPECT_EQ(Greedy({}, {1, 3, 3}), 1);
}

TEST(Sampler, IdsThatTheTokenizerLacksAreNeverDrawn) {
  EXPECT_EQ(Greedy({}, {1, 2, 9, 9}, {}, {}, {}, 2), 1);
  Sampling sampling;
  sampling.logit_bias = {{3, 100.0F}, {-1, 100.0F}, {99, 100.0F}};
  EXPECT_EQ(Greedy(sampling, {1, 2, 9, 9}, {}, {}, {}, 2), 1);
}

TEST(Sampler, RepetitionPenaltyDividesWhatIsPositiveAndMultipliesWhatIsNot) {
  Sampling sampling;
  sampling.repetition_penalty = 2;
  EXPECT_EQ(Greedy(sampling, {4, 2.5F}, {}, {0}), 1) << "of the prompt";
  EXPECT_EQ(Greedy(sampling, {4, 2.5F}, {0}), 1) << "of the output";
  EXPECT_EQ(Greedy(sampling, {4, 1.5F}, {0, 0}, {0, 0}), 0) << "once, however often the token is there";
  EXPECT_EQ(Greedy(sampling, {-1, -1.5F}, {}, {0}), 1);
}

TEST(Sampler, PresenceCountsOnceAndFrequencyEachTimeBothOverTheOutputAlone) {
  Sampling presence;
  presence.presence_penalty = 1;
  EXPECT_EQ(Greedy(presence, {3, 1.9F}, {0, 0, 0}), 0);
  EXPECT_EQ(Greedy(presence, {3, 2.1F}, {0}), 1);
  EXPECT_EQ(Greedy(presence, {3, 2.1F}, {}, {0}), 0) << "not over the prompt";
  Sampling frequency;
  frequency.frequency_penalty = 1;
  EXPECT_EQ(Greedy(frequency, {3, 0.9F}, {0, 0}), 0);
  EXPECT_EQ(Greedy(frequency, {3, 1.1F}, {0, 0}), 1);
  frequency.frequency_penalty = -1;
  EXPECT_EQ(Greedy(frequency, {3, 4}, {0, 0}), 0) << "a negative one encourages";
}

TEST(Sampler, PenaltiesComeBeforeTheBias) {
  Sampling sampling;
  sampling.repetition_penalty = 2;
  sampling.logit_bias = {{0, 2.0F}};
  EXPECT_EQ(Greedy(sampling, {4, 3.5F}, {0}), 0) << "4 / 2 + 2 = 4, not (4 + 2) / 2 = 3";
}

TEST(Sampler, MaskedIdsAreNotDrawnUnlessNothingElseIsLeft) {
  EXPECT_EQ(Greedy({}, {9, 1, 2}, {}, {}, {0}), 2);
  EXPECT_EQ(Greedy({}, {1, 9}, {}, {}, {0, 1}), 1);
}

TEST(Sampler, TopKKeepsTheBestAndTheLowerIdAmongEquals) {
  Sampling sampling;
  sampling.top_k = 2;
  EXPECT_EQ(Drawn(sampling, Logs({.1, .3, .3, .3})), (std::set<std::int32_t>{1, 2}));
  sampling.top_k = 1;
  EXPECT_EQ(Drawn(sampling, Logs({.1, .3, .3, .3})), (std::set<std::int32_t>{1}));
}

TEST(Sampler, TopPKeepsTheFewestThatHoldTheMass) {
  Sampling sampling;
  sampling.top_p = 0.55;
  EXPECT_EQ(Drawn(sampling, Logs({.1, .5, .3, .1})), (std::set<std::int32_t>{1, 2}));
  sampling.top_p = 0.45;
  EXPECT_EQ(Drawn(sampling, Logs({.1, .5, .3, .1})), (std::set<std::int32_t>{1}));
  sampling.top_p = 1e-9;
  EXPECT_EQ(Drawn(sampling, Logs({.1, .5, .3, .1})), (std::set<std::int32_t>{1})) << "at least one";
}

TEST(Sampler, MinPIsAShareOfTheBest) {
  Sampling sampling;
  sampling.min_p = 0.55;
  EXPECT_EQ(Drawn(sampling, Logs({.1, .5, .3, .1})), (std::set<std::int32_t>{1, 2}));
  sampling.min_p = 0.65;
  EXPECT_EQ(Drawn(sampling, Logs({.1, .5, .3, .1})), (std::set<std::int32_t>{1}));
}

// p = {.6, .2, .1, .1}: the entropy is 1.0889, the distances of −log p from it .578, .521, 1.214, 1.214.
TEST(Sampler, TypicalPKeepsWhatIsClosestToTheEntropy) {
  Sampling sampling;
  sampling.typical_p = 0.15;
  EXPECT_EQ(Drawn(sampling, Logs({.6, .2, .1, .1})), (std::set<std::int32_t>{1}));
  sampling.typical_p = 0.5;
  EXPECT_EQ(Drawn(sampling, Logs({.6, .2, .1, .1})), (std::set<std::int32_t>{0, 1}));
  sampling.typical_p = 0.85;
  EXPECT_EQ(Drawn(sampling, Logs({.6, .2, .1, .1})), (std::set<std::int32_t>{0, 1, 2})) << "the lower id among equals";
}

TEST(Sampler, EachFilterSeesTheProbabilitiesThatTheOneBeforeLeft) {
  Sampling sampling;
  sampling.top_k = 2;
  sampling.top_p = 0.6;  // of {.5, .3} renormalized: {.625, .375}
  EXPECT_EQ(Drawn(sampling, Logs({.1, .5, .3, .1})), (std::set<std::int32_t>{1}));
}

TEST(Sampler, DrawsInProportionToTheProbabilities) {
  Sampling sampling;
  Sampler sampler(sampling, {11, 0, {}}, 1000);
  std::map<std::int32_t, int> counts;
  const auto logits = Logs({.1, .2, .3, .4});
  for (int position = 0; position < 100'000; ++position) ++counts[sampler.Draw(logits, position, {})];
  for (int id = 0; id < 4; ++id) EXPECT_NEAR(counts[id] / 100'000.0, (id + 1) / 10.0, 0.006);
}

TEST(Sampler, TemperatureSharpensAndFlattens) {
  const auto logits = Logs({.2, .8});
  const auto share_of_first = [&](double temperature) {
    Sampling sampling;
    sampling.temperature = temperature;
    Sampler sampler(sampling, {11, 0, {}}, 1000);
    int count = 0;
    for (int position = 0; position < 20'000; ++position) count += sampler.Draw(logits, position, {}) == 0 ? 1 : 0;
    return count / 20'000.0;
  };
  EXPECT_NEAR(share_of_first(0.5), 0.04 / 0.68, 0.01);
  EXPECT_NEAR(share_of_first(2), 1 / (1 + 2.0), 0.015) << "√.2 : √.8 = 1 : 2";
  EXPECT_EQ(share_of_first(1e-9), 0);
  EXPECT_NEAR(share_of_first(1e9), 0.5, 0.015);
}

// The draw by its definition: the first id at which the sum of probabilities exceeds the uniform number.
TEST(Sampler, ADrawIsAFunctionOfSeedChoiceAndPosition) {
  const std::vector<double> probabilities = {.1, .2, .3, .4};
  for (int choice = 0; choice < 3; ++choice) {
    Sampling sampling;
    Sampler sampler(sampling, {42, choice, {}}, 1000);
    for (int position = 0; position < 200; ++position) {
      const double uniform = Uniform(42, static_cast<std::uint32_t>(choice), static_cast<std::uint64_t>(position));
      int expected = 0;
      for (double sum = probabilities[0]; sum <= uniform; sum += probabilities[static_cast<std::size_t>(expected)]) ++expected;
      ASSERT_EQ(sampler.Draw(Logs(probabilities), position, {}), expected);
    }
  }
}

TEST(TokenFilter, PartialSelectionKeepsWhatSortingAllWouldKeep) {
  Candidates many;
  for (std::int32_t id = 0; id < 5000; ++id) many.push_back({id, 1.0 + (id * 7919) % 101});
  Candidates sorted = many;
  std::ranges::sort(sorted, [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  });
  double total = 0, sum = 0;
  for (const Candidate& each : many) total += each.weight;
  std::size_t count = 0;
  while (sum < 0.7 * total) sum += sorted[count++].weight;
  KeepTopP(many, 0.7);
  SortById(many);
  sorted.resize(count);
  SortById(sorted);
  ASSERT_EQ(many.size(), count);
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(many[i].id, sorted[i].id);
}

TEST(Logprobs, AreTheLogSoftmaxOfTheRawLogits) {
  const auto result = LogprobsOf(std::vector<float>{1, 2, 3, 3}, 0, 3, 1000);
  const double total = std::log(std::exp(1) + std::exp(2) + 2 * std::exp(3));
  EXPECT_NEAR(result.own, 1 - total, 1e-6);
  ASSERT_EQ(result.top.size(), 3u);
  EXPECT_EQ(result.top[0].id, 2) << "the lower id among equals";
  EXPECT_EQ(result.top[1].id, 3);
  EXPECT_EQ(result.top[2].id, 1);
  EXPECT_NEAR(result.top[2].logprob, 2 - total, 1e-6);
}

TEST(Logprobs, NameNoTokenThatTheTokenizerLacks) {
  const auto result = LogprobsOf(std::vector<float>{1, 2, 9}, 1, 5, 2);
  ASSERT_EQ(result.top.size(), 2u);
  EXPECT_EQ(result.top[0].id, 1);
  EXPECT_NEAR(result.own, 2 - 9.00123, 1e-4) << "but its probability counts";
}

}  // namespace
}  // namespace berth::engine
