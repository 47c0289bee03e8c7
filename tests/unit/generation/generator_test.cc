#include "worker/generation/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "tests/unit/generation/generation_world.h"

namespace berth::engine {
namespace {

using testing::HasSubstr;

std::vector<std::int32_t> Prompt(std::size_t size, unsigned seed = 1) {
  std::mt19937 random(seed);
  return RandomPrompt(random, size);
}

TEST_F(GeneratorTest, AnswersAPrompt) {
  Start();
  Request request = MakeRequest({Prompt(20)}, 30);
  generator->Submit(request.job);
  ASSERT_EQ(request.end.get(), JobEnd::kDone);
  ExpectAnswers(request, 256);
  EXPECT_GT(request.answer().tokens.size(), 1u);
  ExpectNothingHeld();
}

TEST_F(GeneratorTest, EndsWithAnEndTokenThatIsNoPartOfTheText) {
  Start();
  Request request = MakeRequest({Prompt(5)});
  request.job->sampling.logit_bias = {{kEos, 100.0F}};
  generator->Submit(request.job);
  ASSERT_EQ(request.end.get(), JobEnd::kDone);
  const Answer& answer = request.answer();
  ASSERT_EQ(answer.tokens.size(), 1u);
  EXPECT_TRUE(answer.tokens[0].is_end);
  EXPECT_EQ(answer.text, "");
  EXPECT_EQ(answer.finish, Delta::Finish::kStop);
}

TEST_F(GeneratorTest, EndTokensWaitForMinTokensAndCanBeIgnored) {
  Start();
  Request late = MakeRequest({Prompt(5)}, 20);
  late.job->sampling.logit_bias = {{kEos, 100.0F}};
  late.job->stopping.min_tokens = 4;
  Request ignored = MakeRequest({Prompt(5)}, 6);
  ignored.job->sampling.logit_bias = {{kEos, 100.0F}};
  ignored.job->stopping.ignore_eos = true;
  Request own = MakeRequest({Prompt(5)}, 6);
  own.job->sampling.logit_bias = {{9, 100.0F}};
  own.job->stopping.stop_token_ids = {9};
  own.job->stopping.ignore_eos = true;
  for (Request* each : {&late, &ignored, &own}) generator->Submit(each->job);
  for (Request* each : {&late, &ignored, &own}) ASSERT_EQ(each->end.get(), JobEnd::kDone);
  EXPECT_EQ(late.answer().tokens.size(), 5u);
  EXPECT_TRUE(late.answer().tokens.back().is_end);
  EXPECT_EQ(ignored.answer().ids(), std::vector<std::int32_t>(6, kEos));
  EXPECT_EQ(ignored.answer().finish, Delta::Finish::kLength);
  EXPECT_EQ(own.answer().tokens.size(), 1u) << "a stop token of the request ends it all the same";
}

// Whatever token would come next: an end token is the likeliest by far.
TEST_F(GeneratorTest, AnAnswerOfNoTokensIsThePromptComputed) {
  Start();
  Request request = MakeRequest({Prompt(20)}, 0);
  request.job->choices = 2;
  request.job->prompt_logprobs = true;
  request.job->sampling.logit_bias = {{kEos, 100.0F}};
  generator->Submit(request.job);
  ASSERT_EQ(request.end.get(), JobEnd::kDone);
  EXPECT_EQ(request.answer().prompt.size(), 20u);
  for (const int choice : {0, 1}) {
    EXPECT_TRUE(request.answer(0, choice).tokens.empty());
    EXPECT_EQ(request.answer(0, choice).text, "");
    EXPECT_EQ(request.answer(0, choice).finish, Delta::Finish::kLength);
  }
  EXPECT_EQ(Count(Counter::kGeneratedTokens), 0);
  EXPECT_EQ(Count(Counter::kFinishLength), 2);
  ExpectNothingHeld();
}

TEST_F(GeneratorTest, TheContextEndsAnAnswer) {
  options.context = 40;
  Start();
  Request request = MakeRequest({Prompt(30)}, 1000);
  request.job->stopping.ignore_eos = true;
  generator->Submit(request.job);
  ASSERT_EQ(request.end.get(), JobEnd::kDone);
  EXPECT_EQ(request.answer().tokens.size(), 10u);
  EXPECT_EQ(request.answer().finish, Delta::Finish::kLength);
}

// The text without stop strings, cut where the first one begins.
TEST_F(GeneratorTest, StopStringsEndAnAnswerAndAreNotPartOfItUnlessAsked) {
  Start();
  const auto prompt = Prompt(12);
  Request whole = MakeRequest({prompt}, 30);
  whole.job->stopping.ignore_eos = true;
  generator->Submit(whole.job);
  ASSERT_EQ(whole.end.get(), JobEnd::kDone);
  const std::string text = whole.answer().text;
  const std::string stop = text.substr(text.size() / 2, 4);
  const std::string before = text.substr(0, text.find(stop));
  for (const bool included : {false, true}) {
    Request request = MakeRequest({prompt}, 30);
    request.job->stopping = whole.job->stopping;
    request.job->stopping.stop = {"never", stop};
    request.job->stopping.include_stop = included;
    generator->Submit(request.job);
    ASSERT_EQ(request.end.get(), JobEnd::kDone);
    EXPECT_EQ(request.answer().text, included ? before + stop : before);
    EXPECT_EQ(request.answer().finish, Delta::Finish::kStop);
    EXPECT_LT(request.answer().tokens.size(), 30u);
  }
  Request late = MakeRequest({prompt}, 30);
  late.job->stopping = whole.job->stopping;
  late.job->stopping.stop = {stop};
  late.job->stopping.min_tokens = 30;
  generator->Submit(late.job);
  ASSERT_EQ(late.end.get(), JobEnd::kDone);
  EXPECT_EQ(late.answer().text, text) << "before min_tokens nothing stops";
}

TEST_F(GeneratorTest, ChoicesDifferAndShareTheirPrompt) {
  Start();
  Request request = MakeRequest({Prompt(100), Prompt(50, 2)}, 10);
  request.job->choices = 3;
  request.job->sampling.temperature = 1;
  request.job->sampling.seed = 77;
  generator->Submit(request.job);
  ASSERT_EQ(request.end.get(), JobEnd::kDone);
  ExpectAnswers(request, 256);
  EXPECT_NE(request.answer(0, 0).ids(), request.answer(0, 1).ids());
  EXPECT_EQ(request.job->cached_tokens, 0) << "what choices share is no hit";
  EXPECT_EQ(Count(Counter::kPrefixQueries), 150);
  ExpectNothingHeld();
}

TEST_F(GeneratorTest, WithoutASeedEachRequestHasAnother) {
  Start();
  std::vector<std::vector<std::int32_t>> seen;
  for (int i = 0; i < 2; ++i) {
    Request request = MakeRequest({Prompt(10)}, 20);
    request.job->sampling.temperature = 2;
    request.job->stopping.ignore_eos = true;
    generator->Submit(request.job);
    ASSERT_EQ(request.end.get(), JobEnd::kDone);
    seen.push_back(request.answer().ids());
  }
  EXPECT_NE(seen[0], seen[1]);
}

TEST_F(GeneratorTest, APrefixIsFoundAgainOnlyUnderTheSameSalt) {
  Start();
  const auto prompt = Prompt(50);
  std::vector<std::int64_t> cached;
  for (const char* salt : {"", "", "other"}) {
    Request request = MakeRequest({prompt});
    request.job->cache_salt = salt;
    generator->Submit(request.job);
    ASSERT_EQ(request.end.get(), JobEnd::kDone);
    ExpectAnswers(request, 256);
    cached.push_back(request.job->cached_tokens);
  }
  EXPECT_EQ(cached, (std::vector<std::int64_t>{0, 48, 0}));
  EXPECT_EQ(Count(Counter::kPrefixQueries), 150);
  EXPECT_EQ(Count(Counter::kPrefixHits), 48);
  EXPECT_GT(generator->gauges().blocks_cached, 0);
}

TEST_F(GeneratorTest, WithoutAPrefixCacheNothingIsKept) {
  options.prefix_cache = false;
  Start();
  for (int i = 0; i < 2; ++i) {
    Request request = MakeRequest({Prompt(50)});
    request.job->choices = 2;
    generator->Submit(request.job);
    ASSERT_EQ(request.end.get(), JobEnd::kDone);
    ExpectAnswers(request, 256);
    EXPECT_EQ(request.job->cached_tokens, 0);
    EXPECT_EQ(generator->gauges().blocks_free, 64);
  }
}

TEST_F(GeneratorTest, LogprobsAreOfTheRawLogits) {
  Start();
  Request request = MakeRequest({Prompt(5)}, 3);
  request.job->logprobs = 2;
  request.job->sampling.temperature = 0.3;
  request.job->sampling.seed = 5;
  request.job->sampling.logit_bias = {{20, 5.0F}};
  generator->Submit(request.job);
  ASSERT_EQ(request.end.get(), JobEnd::kDone);
  std::vector<std::int32_t> ids = request.job->prompts[0];
  for (const auto& token : request.answer().tokens) {
    const auto row = FakeDecoder::LogitsAfter(ids, kVocab);
    double sum = 0;
    for (const float logit : row) sum += std::exp(logit);
    ASSERT_TRUE(token.logprob);
    EXPECT_NEAR(*token.logprob, row[static_cast<std::size_t>(token.id)] - std::log(sum), 1e-4);
    ASSERT_EQ(token.top.size(), 2u);
    EXPECT_NEAR(token.top[0].logprob, *std::ranges::max_element(row) - std::log(sum), 1e-4);
    ids.push_back(token.id);
  }
}

TEST_F(GeneratorTest, LogprobsOfThePromptComeOnceInTheirOrderWhateverItsLength) {
  options.step_tokens = 100;
  Start();
  for (const std::size_t size : {std::size_t{1}, std::size_t{2}, std::size_t{200}}) {
    Request request = MakeRequest({Prompt(size)}, 3);
    request.job->logprobs = 0;
    request.job->prompt_logprobs = true;
    request.job->choices = 2;
    generator->Submit(request.job);
    ASSERT_EQ(request.end.get(), JobEnd::kDone);
    const auto& prompt = request.job->prompts[0];
    const auto& told = request.answer().prompt;
    ASSERT_EQ(told.size(), size);
    EXPECT_FALSE(told[0].logprob);
    for (std::size_t i = 0; i < size; ++i) EXPECT_EQ(told[i].id, prompt[i]);
    if (size > 1) {
      const auto row = FakeDecoder::LogitsAfter(std::span(prompt).first(size - 1), kVocab);
      double sum = 0;
      for (const float logit : row) sum += std::exp(logit);
      EXPECT_NEAR(*told.back().logprob, row[static_cast<std::size_t>(prompt.back())] - std::log(sum), 1e-4);
    }
    EXPECT_TRUE(request.answer(0, 1).prompt.empty());
    ExpectAnswers(request, 256);
  }
}

// --- who does not run ---

TEST_F(GeneratorTest, WhatCanNeverFitIsRefusedWithTheNumbers) {
  options.context = 32;
  Start();
  Request longer = MakeRequest({Prompt(32)});
  generator->Submit(longer.job);
  ASSERT_EQ(longer.end.get(), JobEnd::kRefused);
  EXPECT_THAT(longer.job->error, HasSubstr("a prompt of 32 tokens leaves no room for an answer in a context of 32"));
  Request unknown = MakeRequest({{1, kVocab}});
  generator->Submit(unknown.job);
  ASSERT_EQ(unknown.end.get(), JobEnd::kRefused);
  EXPECT_THAT(unknown.job->error, HasSubstr("token id 64"));
  Request many = MakeRequest(std::vector<std::vector<std::int32_t>>(64, {7}));
  many.job->choices = 65;
  generator->Submit(many.job);
  ASSERT_EQ(many.end.get(), JobEnd::kRefused);
  Request empty = MakeRequest({{}});
  generator->Submit(empty.job);
  EXPECT_EQ(empty.end.get(), JobEnd::kRefused);
}

TEST_F(GeneratorTest, AJobWhoseClaimIsLostNeverRuns) {
  Start();
  Request lost = MakeRequest({Prompt(5)});
  lost.job->begin = [] { return false; };
  generator->Submit(lost.job);
  EXPECT_EQ(lost.end.get(), JobEnd::kClaimLost);
  EXPECT_TRUE(lost.answers->empty());
  Request other = MakeRequest({Prompt(5)});
  int begun = 0;
  other.job->choices = 4;
  other.job->begin = [&begun] { return ++begun == 1; };
  generator->Submit(other.job);
  EXPECT_EQ(other.end.get(), JobEnd::kDone);
  EXPECT_EQ(begun, 1);
  ExpectNothingHeld();
}

TEST_F(GeneratorTest, AFullQueueRefusesAndDrainingEndsWhatHasNotBegun) {
  std::counting_semaphore<> entered{0}, proceed{0};
  before_forward = [&] {
    entered.release();
    proceed.acquire();
  };
  options.max_jobs = 2;
  options.max_sequences = 1;
  Start();
  Request running = MakeRequest({Prompt(5)}, 4), waiting = MakeRequest({Prompt(5)}), third = MakeRequest({Prompt(5)});
  running.job->stopping.ignore_eos = true;
  generator->Submit(running.job);
  entered.acquire();
  generator->Submit(waiting.job);
  EXPECT_EQ(generator->gauges().running + generator->gauges().waiting, 2);
  generator->Submit(third.job);
  EXPECT_EQ(third.end.get(), JobEnd::kQueueFull);
  generator->Drain();
  proceed.release(100);
  EXPECT_EQ(waiting.end.get(), JobEnd::kDraining);
  EXPECT_EQ(running.end.get(), JobEnd::kDone);
  EXPECT_EQ(running.answer().tokens.size(), 4u);
  Request late = MakeRequest({Prompt(5)});
  generator->Submit(late.job);
  EXPECT_EQ(late.end.get(), JobEnd::kDraining);
}

TEST_F(GeneratorTest, ACancelledJobDoesNotRunEvenWhenItWasCancelledBefore) {
  Start();
  Request request = MakeRequest({Prompt(5)});
  generator->Cancel(*request.job);
  generator->Submit(request.job);
  EXPECT_EQ(request.end.get(), JobEnd::kCancelled);
  EXPECT_TRUE(request.answers->empty());
}

TEST_F(GeneratorTest, WhatIsLeftAtTheEndIsCancelled) {
  std::counting_semaphore<> entered{0}, proceed{0};
  before_forward = [&] {
    entered.release();
    proceed.acquire();
  };
  Start();
  Request running = MakeRequest({Prompt(5)}, 100), waiting = MakeRequest({Prompt(5)});
  generator->Submit(running.job);
  entered.acquire();
  generator->Submit(waiting.job);
  proceed.release(100'000);
  generator.reset();
  const JobEnd end = running.end.get();
  EXPECT_TRUE(end == JobEnd::kCancelled || end == JobEnd::kDone);
  const JobEnd other = waiting.end.get();
  EXPECT_TRUE(other == JobEnd::kCancelled || other == JobEnd::kDone);
}

// --- what goes wrong ---

TEST_F(GeneratorTest, AStepOverTheBudgetEndsItsOwnJobsAndTheNextRun) {
  int steps = 0, over = 0;
  fail = [&]() -> Status {
    if (++steps != 3) return Ok();
    return MakeError(ErrorKind::kUnavailable, "needs 9 MiB, 1 MiB is free");
  };
  options.after_step = [&over](const Status& done) { over += !done ? 1 : 0; };
  Start();
  Request first = MakeRequest({Prompt(5)}, 20), second = MakeRequest({Prompt(5)}, 5);
  first.job->stopping.ignore_eos = true;
  generator->Submit(first.job);
  EXPECT_EQ(first.end.get(), JobEnd::kOverBudget);
  EXPECT_EQ(first.job->error, "needs 9 MiB, 1 MiB is free");
  EXPECT_EQ(first.answer().tokens.size(), 2u);
  generator->Submit(second.job);
  EXPECT_EQ(second.end.get(), JobEnd::kDone);
  EXPECT_EQ(over, 1);
  EXPECT_EQ(Count(Counter::kFinishOverBudget), 1);
  ExpectNothingHeld();
}

TEST_F(GeneratorTest, LogitsThatAreNotFiniteEndTheirOwnJobAlone) {
  poison = 60;
  Start();
  Request neighbour = MakeRequest({Prompt(5)}, 20), poisoned = MakeRequest({{60}}, 5);
  neighbour.job->stopping.ignore_eos = true;
  neighbour.job->sampling.logit_bias[60] = -100;
  generator->Submit(neighbour.job);
  generator->Submit(poisoned.job);
  EXPECT_EQ(poisoned.end.get(), JobEnd::kFailed);
  EXPECT_THAT(poisoned.job->error, HasSubstr("not a finite number"));
  EXPECT_EQ(neighbour.end.get(), JobEnd::kDone);
  EXPECT_EQ(neighbour.answer().tokens.size(), 20u);
  ExpectNothingHeld();
}

TEST_F(GeneratorTest, AStepThatFailsOrThrowsEndsItsJobsAsFailed) {
  int steps = 0;
  fail = [&steps]() -> Status {
    if (++steps == 1) return MakeError(ErrorKind::kInternal, "not a number");
    if (steps == 2) throw std::runtime_error("thrown");
    return Ok();
  };
  Start();
  for (const char* why : {"not a number", "thrown", ""}) {
    Request request = MakeRequest({Prompt(5)});
    generator->Submit(request.job);
    EXPECT_EQ(request.end.get(), *why == '\0' ? JobEnd::kDone : JobEnd::kFailed);
    EXPECT_THAT(request.job->error, HasSubstr(why));
  }
  ExpectNothingHeld();
}

TEST_F(GeneratorTest, ADeliveryThatThrowsEndsItsOwnJobAlone) {
  Start();
  Request bad = MakeRequest({Prompt(5), Prompt(6), Prompt(7)}), good = MakeRequest({Prompt(5)});
  bad.job->deliver = [](Delta&&) { throw std::runtime_error("cannot deliver"); };
  generator->Submit(bad.job);
  generator->Submit(good.job);
  EXPECT_EQ(bad.end.get(), JobEnd::kFailed);
  EXPECT_EQ(bad.job->error, "cannot deliver");
  EXPECT_EQ(good.end.get(), JobEnd::kDone);
  ExpectNothingHeld();
}

// --- company ---

TEST_F(GeneratorTest, OneRequestDoesNotWaitForAnothersManyChoices) {
  std::counting_semaphore<> entered{0}, proceed{0};
  before_forward = [&] {
    entered.release();
    proceed.acquire();
  };
  options.max_sequences = 4;
  Start(128);
  Request many = MakeRequest({Prompt(20)}, 4);
  many.job->choices = 128;
  many.job->stopping.ignore_eos = true;
  generator->Submit(many.job);
  entered.acquire();
  Request one = MakeRequest({Prompt(5)}, 4);
  generator->Submit(one.job);
  proceed.release(20);  // 128 choices of 4 tokens, four at a time, take 128 steps
  EXPECT_EQ(one.end.get(), JobEnd::kDone);
  generator->Cancel(*many.job);
  proceed.release(100'000);
  EXPECT_EQ(many.end.get(), JobEnd::kCancelled);
  ExpectNothingHeld();
}

TEST_F(GeneratorTest, CancelledAtAnyMomentAJobGivesItsBlocksBackAtOnce) {
  for (int moment = 0; moment < 40; ++moment) {
    Request gone = MakeRequest({Prompt(70), Prompt(40, 2)}, 12);
    Request stays = MakeRequest({Prompt(30, 3)}, 40);
    int step = 0, gone_at = -1;
    before_forward = [&] {
      if (step++ == moment) generator->Cancel(*gone.job);
    };
    options.step_tokens = 24;
    gone.job->choices = 2;
    gone.job->stopping.ignore_eos = true;
    const auto ended = std::move(gone.job->ended);
    gone.job->ended = [&, ended](JobEnd end) {
      gone_at = step;
      ended(end);
    };
    Start(24);
    generator->Submit(gone.job);
    generator->Submit(stays.job);
    const JobEnd end = gone.end.get();
    ASSERT_EQ(stays.end.get(), JobEnd::kDone);
    ASSERT_TRUE(end == JobEnd::kCancelled || moment > 12);
    ASSERT_TRUE(end == JobEnd::kDone || gone_at == moment + 1) << "before the next step";
    ExpectAnswers(stays, 256);
    ExpectNothingHeld();
    generator.reset();
    ASSERT_EQ(decoder->wrong, "");
  }
}

}  // namespace
}  // namespace berth::engine
