#include "worker/completions/news.h"

#include <gtest/gtest.h>

#include "worker/completions/generation_run.h"

namespace berth::completions {
namespace {

using engine::Delta;
using engine::JobEnd;

Delta Said(std::size_t prompt, int choice, std::string text, std::int32_t id = 1) {
  Delta delta;
  delta.prompt = prompt;
  delta.choice = choice;
  delta.text = std::move(text);
  delta.tokens.push_back({.id = id, .logprob = -0.5F, .top = {{id, -0.5F}, {2, -1.F}}});
  return delta;
}

TEST(News, WhatComesBetweenTwoTakesIsMergedByChoice) {
  engine::Budget budget(MiB(1));
  News news(budget, {.choices = 2, .keep_tokens = true});
  EXPECT_TRUE(news.Put(Said(1, 0, "c")));
  EXPECT_TRUE(news.Put(Said(0, 1, "a")));
  EXPECT_TRUE(news.Put(Said(0, 1, "b")));
  const auto taken = news.Take();
  ASSERT_EQ(taken.choices.size(), 2U);
  EXPECT_EQ(taken.choices[0].index, 1U);
  EXPECT_EQ(taken.choices[0].text, "ab");
  EXPECT_EQ(taken.choices[0].generated, 2);
  EXPECT_EQ(taken.choices[0].tokens.size(), 2U);
  EXPECT_EQ(taken.choices[1].index, 2U);
  EXPECT_FALSE(taken.end);
  EXPECT_TRUE(news.Take().choices.empty());
}

TEST(News, TokensAreCountedWhereTheyAreNotKeptAndThePromptsAreNot) {
  engine::Budget budget(MiB(1));
  News news(budget, {.choices = 1});
  Delta prompt = Said(0, 0, "");
  prompt.tokens[0].of_prompt = true;
  news.Put(prompt);
  news.Put(Said(0, 0, "a"));
  const auto taken = news.Take();
  EXPECT_EQ(taken.choices[0].generated, 1);
  EXPECT_TRUE(taken.choices[0].tokens.empty());
}

TEST(News, ThePromptsTokensAreToldOnceAndShownWithEachOfItsChoices) {
  engine::Budget budget(MiB(1));
  News news(budget, {.choices = 2, .keep_tokens = true});
  Delta prompt = Said(1, 0, "");
  prompt.tokens[0].of_prompt = true;
  news.Put(prompt);
  const auto taken = news.Take();
  ASSERT_EQ(taken.choices.size(), 2U);
  EXPECT_EQ(taken.choices[1].index, 3U);
  ASSERT_TRUE(taken.choices[1].prompt_tokens);
  EXPECT_EQ(taken.choices[1].prompt_tokens->size(), 1U);
  EXPECT_EQ(taken.choices[0].prompt_tokens, taken.choices[1].prompt_tokens) << "one copy for all";
  EXPECT_EQ(taken.choices[1].generated, 0);
}

TEST(News, AnEndTokenIsCountedAndNotShown) {
  engine::Budget budget(MiB(1));
  News news(budget, {.choices = 1, .keep_tokens = true});
  Delta end = Said(0, 0, "");
  end.tokens[0].is_end = true;
  news.Put(Said(0, 0, "a"));
  news.Put(end);
  const auto taken = news.Take();
  EXPECT_EQ(taken.choices[0].generated, 2);
  EXPECT_EQ(taken.choices[0].tokens.size(), 1U);
}

TEST(News, AReaderIsWokenOnceByWhatComesNext) {
  engine::Budget budget(MiB(1));
  News news(budget, {});
  int woken = 0;
  EXPECT_FALSE(news.Ready([&] { ++woken; }));
  news.Put(Said(0, 0, "a"));
  news.Put(Said(0, 0, "b"));
  EXPECT_EQ(woken, 1);
  EXPECT_TRUE(news.Ready([&] { ++woken; }));
  news.Take();
  EXPECT_FALSE(news.Ready([&] { ++woken; }));
  news.End(JobEnd::kDone, "");
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(news.Take().end, JobEnd::kDone);
}

TEST(News, AReaderWhoTakesNothingIsGivenUpAtTheBound) {
  engine::Budget budget(MiB(1));
  News news(budget, {.choices = 1, .keep_tokens = false, .bound = 100});
  int kept = 0;
  while (kept < 50 && news.Put(Said(0, 0, "12345678"))) ++kept;
  EXPECT_EQ(kept, 12);
  EXPECT_FALSE(news.Put(Said(0, 0, "")));
  news.End(JobEnd::kDone, "");
  const auto taken = news.Take();
  EXPECT_EQ(taken.end, JobEnd::kCancelled);
  EXPECT_NE(taken.error.find("has not read"), std::string::npos);
  EXPECT_TRUE(taken.choices.empty());
}

// Twenty alternatives are some bytes each here, and a kilobyte of JSON; a prompt's tokens are written with each choice.
TEST(News, WhatTheReplyWillWriteIsTakenFromTheBudget) {
  engine::Budget budget(MiB(1));
  News news(budget, {.choices = 4, .keep_tokens = true, .written = [](const auto&) { return 1000; }});
  news.Put(Said(0, 0, ""));
  EXPECT_GE(budget.taken(), 1000U);
  EXPECT_LT(budget.taken(), 1300U);
  Delta prompt = Said(0, 0, "");
  prompt.tokens[0].of_prompt = true;
  news.Put(prompt);
  EXPECT_GE(budget.taken(), 5000U);
  {
    const auto taken = news.Take();
    EXPECT_GE(budget.taken(), 5000U) << "until the reply is written";
  }
  EXPECT_EQ(budget.taken(), 0U);
}

TEST(News, WhatDoesNotFitIntoTheBudgetEndsTheRequestWithTheNumbers) {
  engine::Budget budget(KiB(3));
  News news(budget, {});
  EXPECT_TRUE(news.Put(Said(0, 0, std::string(1000, 'a'))));
  EXPECT_EQ(budget.taken(), 2002U) << "as it is, and in the reply";
  EXPECT_FALSE(news.Put(Said(0, 0, std::string(1000, 'a'))));
  news.End(JobEnd::kCancelled, "");
  const auto taken = news.Take();
  EXPECT_EQ(taken.end, JobEnd::kOverBudget);
  EXPECT_NE(taken.error.find("the budget is 3 KiB"), std::string::npos) << taken.error;
  EXPECT_EQ(budget.taken(), 0U);
}

TEST(BestOf, TheLikeliestByMeanOfEachPromptComeFirst) {
  std::vector<ChoiceNews> choices(6);
  const double sums[] = {-6, -1, -4, -2, -9, -3};
  for (std::size_t i = 0; i < 6; ++i) {
    choices[i].index = i;
    choices[i].text = std::string(1, static_cast<char>('a' + i));
    choices[i].logprob_sum = sums[i];
    choices[i].generated = 1;
  }
  choices[0].generated = 10;  // −0.6 each: the likeliest though the sum is the least
  const auto best = BestOf(choices, 3, 2);
  ASSERT_EQ(best.size(), 4U);
  EXPECT_EQ(best[0].text + best[1].text + best[2].text + best[3].text, "abdf");
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(best[i].index, i);
}

}  // namespace
}  // namespace berth::completions
