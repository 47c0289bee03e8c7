// What jobs hold in memory: what is said of it before, and what is taken from the budget while they run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/unit/generation/generation_world.h"
#include "worker/generation/choice.h"

namespace berth::engine {
namespace {

using testing::HasSubstr;

class JobMemory : public GeneratorTest {
 protected:
  static std::vector<std::int32_t> Prompt(std::size_t size) {
    std::mt19937 random(1);
    return RandomPrompt(random, size);
  }
};

// 37 MiB, were stop strings each choice's own.
TEST_F(JobMemory, WhatAJobOfManyChoicesHoldsIsWhatIsSaidOfIt) {
  std::binary_semaphore arrived{0}, go_on{0};
  bool first = true;
  before_forward = [&] {
    if (!std::exchange(first, false)) return;
    arrived.release();
    go_on.acquire();
  };
  Start();
  Request request = MakeRequest({Prompt(5)}, 1);
  request.job->choices = 1024;
  for (const char c : {'a', 'b', 'c', 'd'}) request.job->stopping.stop.emplace_back(1024, c);
  request.job->stopping.stop_token_ids.assign(256, 9);
  const std::size_t before = ::mallinfo2().uordblks;
  generator->Submit(request.job);
  arrived.acquire();
  const std::size_t held = ::mallinfo2().uordblks - before;
  go_on.release();
  EXPECT_EQ(request.end.get(), JobEnd::kDone);
  EXPECT_LT(HeldBytes(*request.job), MiB(3).count);
  EXPECT_LT(held, HeldBytes(*request.job) + KiB(256).count) << "the scheduler's lists are not the job's";
}

TEST_F(JobMemory, TheTokensOfSequencesAreTakenFromTheBudgetWhileTheyRun) {
  options.context = 1024;
  Start();
  Budget budget(KiB(20));
  std::uint64_t most = 0;
  for (const bool fits : {true, false}) {
    Request request = MakeRequest({Prompt(fits ? 500 : 900)}, 100);
    request.job->choices = fits ? 1 : 8;
    request.job->stopping.ignore_eos = true;
    ASSERT_TRUE(request.job->charge.Hold(budget, 100));
    request.job->deliver = [&, inner = request.job->deliver](Delta&& delta) {
      most = std::max(most, budget.taken());
      inner(std::move(delta));
    };
    generator->Submit(request.job);
    EXPECT_EQ(request.end.get(), fits ? JobEnd::kDone : JobEnd::kOverBudget);
    if (fits) {
      EXPECT_GE(most, 100u + 600u * 4u);
      EXPECT_EQ(budget.taken(), 100u) << "a choice that has ended has no tokens";
    } else {
      EXPECT_THAT(request.job->error, HasSubstr("the budget is 20 KiB"));
    }
  }
  ExpectNothingHeld();
  generator.reset();  // which lets go of a job just after it said how that ended
  EXPECT_EQ(budget.taken(), 0u);
}

}  // namespace
}  // namespace berth::engine
