// Many requests of all kinds at once, whose answers must be those that each gets alone.
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>

#include "tests/unit/generation/generation_world.h"

namespace berth::engine {
namespace {

class GeneratorLoad : public GeneratorTest {
 protected:
  Request RandomRequest(std::mt19937& random, std::int64_t most_prompt, std::int64_t most_tokens) {
    const auto below = [&](std::size_t bound) { return static_cast<std::size_t>(random() % bound); };
    std::vector<std::vector<std::int32_t>> prompts(1 + below(2));
    for (auto& prompt : prompts) {
      prompt = below(3) == 0 ? common_ : std::vector<std::int32_t>();
      const auto more = RandomPrompt(random, 1 + below(static_cast<std::size_t>(most_prompt) - common_.size()));
      prompt.insert(prompt.end(), more.begin(), more.end());
    }
    Request request = MakeRequest(std::move(prompts), static_cast<std::int64_t>(1 + below(static_cast<std::size_t>(most_tokens))));
    GenerationJob& job = *request.job;
    job.choices = below(4) == 0 ? 3 : 1;
    job.prompt_logprobs = below(8) == 0;
    job.logprobs = below(4) == 0 ? 1 : -1;
    job.stopping.ignore_eos = below(2) == 0;
    job.stopping.min_tokens = static_cast<std::int64_t>(below(4));
    job.sampling.seed = random();
    job.sampling.temperature = below(2) == 0 ? 0 : 0.8;
    if (below(2) == 0) job.sampling.top_p = 0.9;
    if (below(3) == 0) job.sampling.top_k = 10;
    if (below(3) == 0) job.sampling.repetition_penalty = 1.2;
    if (below(3) == 0) job.sampling.presence_penalty = 0.5;
    return request;
  }

  // Many on a cache that is too small for them, some cancelled.
  void RunSeed(unsigned seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    options.context = 200;
    options.prefix_cache = seed % 3 != 0;
    options.step_tokens = static_cast<int>(8 + random() % 100);
    options.max_sequences = static_cast<int>(1 + random() % 20);
    common_ = RandomPrompt(random, 35);
    Start(static_cast<std::int64_t>(13 + random() % 20));
    std::vector<Request> requests;
    for (int i = 0; i < 60; ++i) {
      requests.push_back(RandomRequest(random, 150, 60));
      generator->Submit(requests.back().job);
      if (random() % 10 == 0) generator->Cancel(*requests[random() % requests.size()].job);
    }
    for (Request& request : requests) {
      const JobEnd end = request.end.get();
      if (end == JobEnd::kDone) ExpectAnswers(request, options.context);
      ASSERT_TRUE(end == JobEnd::kDone || request.job->cancelled);
    }
    ExpectNothingHeld();
    preemptions_ += Count(Counter::kPreemptions);
    generator.reset();
    ASSERT_EQ(decoder->wrong, "");
  }

  std::vector<std::int32_t> common_;  // how some prompts begin
  double preemptions_ = 0;
};

TEST_F(GeneratorLoad, AnswersAreThoseOfEachRequestAloneWhateverRunsBeside) {
  if (const char* one = std::getenv("BERTH_SEED")) return RunSeed(static_cast<unsigned>(std::atoi(one)));
  for (unsigned seed = 1; seed <= 12 && !HasFailure(); ++seed) RunSeed(seed);
  EXPECT_GT(preemptions_, 20) << "the cache was large enough for all, and nothing was shown";
}

TEST_F(GeneratorLoad, TenThousandMixedRequestsLeaveNoBlockInUse) {
  options.context = 128;
  options.max_jobs = 2000;
  options.max_sequences = 32;
  std::mt19937 random(9);
  common_ = RandomPrompt(random, 20);
  Start(100);
  std::deque<Request> open;
  int done = 0, cancelled = 0;
  const auto finish = [&](std::size_t most) {
    for (; open.size() > most; open.pop_front()) ++(open.front().end.get() == JobEnd::kDone ? done : cancelled);
  };
  for (int i = 0; i < 10'000; ++i) {
    open.push_back(RandomRequest(random, 60, 8));
    generator->Submit(open.back().job);
    if (random() % 8 == 0) generator->Cancel(*open[random() % open.size()].job);
    finish(500);
  }
  finish(0);
  EXPECT_EQ(done + cancelled, 10'000);
  EXPECT_GT(done, 8000);
  EXPECT_GT(cancelled, 100);
  ExpectNothingHeld();
  const auto gauges = generator->gauges();
  EXPECT_EQ(gauges.blocks_free + gauges.blocks_cached, 100);
}

}  // namespace
}  // namespace berth::engine
