// Beams and samples over crafted logits: which hypotheses live on, which one wins, when it ends.
#include "worker/speech/decoding/search.h"

#include <gtest/gtest.h>

#include "tests/unit/speech_decoding/small_tokens.h"

namespace berth::speech {
namespace {

const SpeechTokens kTokens = SmallTokens();
const FilterRules kPlain = {&kTokens, false, 50};

// Logits whose softmax is these probabilities; nothing else has any.
std::vector<float> Probabilities(const std::map<Token, double>& probabilities) {
  std::vector<float> logits(kVocab, kNever);
  for (const auto& [token, p] : probabilities) logits[static_cast<std::size_t>(token)] = static_cast<float>(std::log(p));
  return logits;
}

std::vector<std::size_t> Take(Search& search, std::vector<std::vector<float>> rows) {
  const std::vector<std::span<float>> spans(rows.begin(), rows.end());
  EXPECT_EQ(spans.size(), search.live().size());
  return search.Take(spans);
}

std::vector<std::vector<Token>> Live(const Search& search) {
  std::vector<std::vector<Token>> tokens;
  for (const Hypothesis& each : search.live()) tokens.push_back(each.tokens);
  return tokens;
}

using Rows = std::vector<std::vector<Token>>;
using Sources = std::vector<std::size_t>;

TEST(Search, GreedyTakesTheBest) {
  Search search(kPlain, {.beam = 1});
  EXPECT_EQ(Take(search, {Probabilities({{1, 0.5}, {2, 0.3}, {3, 0.2}})}), (Sources{0}));
  EXPECT_EQ(Live(search), (Rows{{1}}));
  Take(search, {Probabilities({{4, 0.6}, {kEnd, 0.4}})});
  EXPECT_EQ(Live(search), (Rows{{1, 4}})) << "an end that is not the best does not count";
}

TEST(Search, GreedyEndsWhereTheEndIsTheBest) {
  Search search(kPlain, {.beam = 1});
  Take(search, {Probabilities({{1, 0.5}, {2, 0.5}})});
  Take(search, {Probabilities({{4, 0.2}, {kEnd, 0.8}})});
  ASSERT_TRUE(search.finished());
  EXPECT_EQ(search.best().tokens, (std::vector<Token>{1}));
  EXPECT_NEAR(search.best().sum_logprob, std::log(0.5 * 0.8), 1e-6);
  EXPECT_NEAR(search.best().avg_logprob(), std::log(0.5 * 0.8) / 2, 1e-6);
}

TEST(Search, ABeamFindsWhatGreedyMisses) {
  Search search(kPlain, {.beam = 2, .patience = 1});
  EXPECT_EQ(search.live().size(), 1u);
  EXPECT_EQ(Take(search, {Probabilities({{1, 0.6}, {2, 0.4}})}), (Sources{0, 0}));
  EXPECT_EQ(Live(search), (Rows{{1}, {2}}));
  // After 1 nothing is certain, after 2 everything is: 0.6 · 0.3 < 0.4 · 0.9.
  EXPECT_EQ(Take(search, {Probabilities({{3, 0.3}, {4, 0.3}, {5, 0.4}}), Probabilities({{6, 0.9}, {7, 0.1}})}),
            (Sources{1, 0}));
  EXPECT_EQ(Live(search), (Rows{{2, 6}, {1, 5}}));
  Take(search, {Probabilities({{kEnd, 0.99}, {8, 0.01}}), Probabilities({{kEnd, 0.9}, {8, 0.1}})});
  ASSERT_TRUE(search.finished()) << "two have finished";
  EXPECT_EQ(search.best().tokens, (std::vector<Token>{2, 6}));
  EXPECT_NEAR(search.best().sum_logprob, std::log(0.4 * 0.9 * 0.99), 1e-6);
}

TEST(Search, PatienceWaitsForMoreThatFinish) {
  for (const auto& [patience, finished] : {std::pair{1.0, true}, {2.0, false}}) {
    Search search(kPlain, {.beam = 2, .patience = patience});
    Take(search, {Probabilities({{1, 0.6}, {2, 0.4}})});
    Take(search, {Probabilities({{kEnd, 0.7}, {3, 0.3}}), Probabilities({{kEnd, 0.7}, {3, 0.3}})});
    EXPECT_EQ(search.finished(), finished) << patience;
    EXPECT_EQ(Live(search), finished ? Rows{} : (Rows{{1, 3}, {2, 3}}));
  }
}

TEST(Search, AnEndTakesNoPlaceInTheBeam) {
  Search search(kPlain, {.beam = 1, .patience = 2});
  Take(search, {Probabilities({{1, 1}})});
  Take(search, {Probabilities({{kEnd, 0.6}, {4, 0.4}})});
  EXPECT_FALSE(search.finished());
  EXPECT_EQ(Live(search), (Rows{{1, 4}}));
}

TEST(Search, TheLongerOfTwoIsRankedByItsMeanProbability) {
  Search search(kPlain, {.beam = 2, .patience = 1});
  Take(search, {Probabilities({{1, 0.5}, {2, 0.5}})});
  // [1] ends with 0.5 · 0.5; [1 3 4] with 0.5 · 0.4 · 1 · 1: less in sum, more per token.
  Take(search, {Probabilities({{kEnd, 0.5}, {3, 0.4}, {4, 0.1}}), Probabilities({{5, 0.2}, {6, 0.2}, {7, 0.6}})});
  EXPECT_EQ(Live(search), (Rows{{2, 7}, {1, 3}}));
  Take(search, {Probabilities({{8, 1}}), Probabilities({{4, 1}})});
  Take(search, {Probabilities({{8, 0.01}, {5, 0.99}}), Probabilities({{kEnd, 1}})});
  ASSERT_TRUE(search.finished());
  EXPECT_EQ(search.best().tokens, (std::vector<Token>{1, 3, 4}));
}

TEST(Search, WhatIsUnfinishedAtTheLastTokenFillsUpTheBeam) {
  Search search(kPlain, {.beam = 2, .max_tokens = 2});
  Take(search, {Probabilities({{1, 0.7}, {2, 0.3}})});
  Take(search, {Probabilities({{3, 0.9}, {4, 0.1}}), Probabilities({{5, 1}})});
  ASSERT_TRUE(search.finished());
  EXPECT_EQ(search.best().tokens, (std::vector<Token>{1, 3}));
  EXPECT_TRUE(search.live().empty());
}

TEST(Search, ABeamWithOneWayOnGoesOnWithOne) {
  Search search(kPlain, {.beam = 5});
  EXPECT_EQ(Take(search, {Probabilities({{1, 1}})}), (Sources{0}));
  EXPECT_EQ(Live(search), (Rows{{1}}));
  Take(search, {Probabilities({{kEnd, 1}})});
  EXPECT_TRUE(search.finished()) << "nothing is left to go on from";
}

TEST(Search, RulesApplyToEachHypothesisBeforeItsProbabilitiesAreTaken) {
  Search search({&kTokens, true, 3}, {.beam = 2});
  Take(search, {Logits({{1, 50}, {kT0 + 1, 2}, {kT0 + 2, 1}})});
  EXPECT_EQ(Live(search), (Rows{{kT0 + 1}, {kT0 + 2}}));
  // Among four allowed timestamps, not among all tokens.
  const double all = std::log(2 + std::exp(2) + std::exp(1));
  EXPECT_NEAR(search.live()[0].sum_logprob, 2 - all, 1e-6);
}

TEST(Search, SamplesAreAFunctionOfTheSeedAndAsManyAsAskedFor) {
  const auto run = [](std::uint64_t seed) {
    Search search(kPlain, {.temperature = 1, .best_of = 3, .seed = seed, .max_tokens = 6});
    Rows all;
    EXPECT_EQ(Take(search, {Probabilities({{1, 0.25}, {2, 0.25}, {3, 0.25}, {4, 0.25}})}), (Sources{0, 0, 0}));
    while (!search.finished()) {
      for (const auto& tokens : Live(search)) all.push_back(tokens);
      Take(search, std::vector(search.live().size(), Probabilities({{1, 0.3}, {2, 0.3}, {5, 0.3}, {kEnd, 0.1}})));
    }
    return all;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

TEST(Search, SamplesFollowTheTemperatureAndAreJudgedWithoutIt) {
  // At 0.05 the better of two is as good as certain; its log-probability is the model's.
  Search search(kPlain, {.temperature = 0.05, .best_of = 5, .seed = 3});
  Take(search, {Probabilities({{1, 0.7}, {2, 0.3}})});
  for (const auto& each : search.live()) EXPECT_EQ(each.tokens, (std::vector<Token>{1}));
  Take(search, std::vector(5, Probabilities({{kEnd, 1}})));
  ASSERT_TRUE(search.finished());
  EXPECT_NEAR(search.best().sum_logprob, std::log(0.7), 1e-6);
}

TEST(Search, ASampleThatHasEndedLeavesTheOthersTheirNumbers) {
  const std::vector<float> coin = Probabilities({{1, 0.5}, {kEnd, 0.5}});
  Search search(kPlain, {.temperature = 1, .best_of = 8, .seed = 5, .max_tokens = 50});
  Take(search, {Probabilities({{1, 1}})});
  std::size_t before = 8;
  while (!search.finished()) {
    const auto sources = Take(search, std::vector(search.live().size(), coin));
    EXPECT_LE(sources.size(), before);
    EXPECT_TRUE(std::ranges::is_sorted(sources));
    before = sources.size();
  }
  // All are runs of ones with probability 0.5 each: the mean of the longest is nearest to ln 0.5.
  EXPECT_GE(search.best().tokens.size(), 1u);
}

}  // namespace
}  // namespace berth::speech
