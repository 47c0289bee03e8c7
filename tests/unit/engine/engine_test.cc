#include "worker/engine/engine.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <semaphore>

namespace berth::engine {
namespace {

// Encodes a sequence as {its first id, its length}. Holds a batch until it is let go, when asked to.
class FakeModel {
 public:
  Status Encode(std::span<const Sequence> sequences, const Sink& sink) {
    batches.push_back(static_cast<int>(sequences.size()));
    entered.release();
    if (hold) proceed.acquire();
    if (!answer) return answer.error();
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const float vector[] = {static_cast<float>(sequences[i].ids[0]),
                              static_cast<float>(sequences[i].ids.size())};
      sink(i, vector);
      seconds.push_back(sequences[i].second);
    }
    return Ok();
  }

  bool hold = false;  // before the engine starts
  Status answer = Ok();
  std::vector<int> batches;          // sizes; read after the engine has ended
  std::vector<std::size_t> seconds;  // of the sequences that ran; read after the engine has ended
  std::counting_semaphore<> entered{0};
  std::counting_semaphore<> proceed{0};
};

// A job whose end can be waited for.
struct Waited {
  std::shared_ptr<Job> job = std::make_shared<Job>();
  std::shared_ptr<std::promise<JobEnd>> promise = std::make_shared<std::promise<JobEnd>>();
  std::future<JobEnd> end = promise->get_future();
};

Waited MakeJob(std::vector<std::vector<std::int32_t>> inputs) {
  Waited waited;
  waited.job->inputs = std::move(inputs);
  waited.job->ended = [promise = waited.promise](JobEnd end) { promise->set_value(end); };
  return waited;
}

class EngineTest : public testing::Test {
 protected:
  void Start(std::size_t max_jobs = 16, int max_tokens = 100) {
    Engine::Options options;
    options.limits = {max_tokens, 8, {}};
    options.dimensions = 2;
    options.max_jobs = max_jobs;
    engine = std::make_unique<Engine>(
        [this](auto sequences, const auto& sink) { return model.Encode(sequences, sink); }, options, metrics);
  }

  Metrics metrics;
  FakeModel model;
  std::unique_ptr<Engine> engine;
};

TEST_F(EngineTest, VectorsComeInTheOrderOfTheInputsWhateverTheirLengths) {
  Start();
  Waited one = MakeJob({{7, 7, 7}, {5}, {6, 6}});
  engine->Submit(one.job);
  ASSERT_EQ(one.end.get(), JobEnd::kDone);
  EXPECT_EQ(one.job->vectors, (std::vector<float>{7, 3, 5, 1, 6, 2}));
}

TEST_F(EngineTest, PairsKeepTheirSecondTextsWhateverTheirLengths) {
  Start();
  Waited pairs = MakeJob({{7, 7, 7}, {5, 5}});
  pairs.job->seconds = {2, 1};
  engine->Submit(pairs.job);
  ASSERT_EQ(pairs.end.get(), JobEnd::kDone);
  engine.reset();
  EXPECT_EQ(model.seconds, (std::vector<std::size_t>{1, 2})) << "the shorter one runs first";
}

TEST_F(EngineTest, ManyInputsAreSpreadOverBatches) {
  Start();
  std::vector<std::vector<std::int32_t>> inputs;
  for (int i = 0; i < 100; ++i) inputs.push_back({i});
  Waited many = MakeJob(inputs);
  engine->Submit(many.job);
  ASSERT_EQ(many.end.get(), JobEnd::kDone);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(many.job->vectors[2 * i], static_cast<float>(i));
  engine.reset();
  EXPECT_EQ(model.batches.size(), 13u) << "100 inputs in batches of 8";
}

TEST_F(EngineTest, ARequestDoesNotWaitBehindAnothersManyInputs) {
  model.hold = true;
  Start();
  Waited many = MakeJob(std::vector<std::vector<std::int32_t>>(2048, {1}));
  engine->Submit(many.job);
  model.entered.acquire();  // the first of 256 batches runs
  Waited one = MakeJob({{2}});
  engine->Submit(one.job);
  model.proceed.release(2);
  EXPECT_EQ(one.end.get(), JobEnd::kDone) << "part of the second batch";
  engine->Cancel(*many.job);
  model.proceed.release(300);
  EXPECT_EQ(many.end.get(), JobEnd::kCancelled);
}

TEST_F(EngineTest, ARequestDoesNotWaitBehindTheManyInputsOfSeveralOthers) {
  model.hold = true;
  Start(16, 2);
  Waited first = MakeJob(std::vector<std::vector<std::int32_t>>(100, {1}));
  engine->Submit(first.job);
  model.entered.acquire();
  Waited second = MakeJob(std::vector<std::vector<std::int32_t>>(100, {1}));
  engine->Submit(second.job);
  model.proceed.release();
  model.entered.acquire();  // now the first and the second share a batch
  Waited one = MakeJob({{2}});
  engine->Submit(one.job);
  model.proceed.release(2);
  EXPECT_EQ(one.end.get(), JobEnd::kDone) << "part of the next batch";
  engine->Cancel(*first.job);
  engine->Cancel(*second.job);
  model.proceed.release(300);
}

TEST_F(EngineTest, ALostClaimDropsTheJobUnrun) {
  Start();
  Waited lost = MakeJob({{1}});
  lost.job->begin = [] { return false; };
  engine->Submit(lost.job);
  EXPECT_EQ(lost.end.get(), JobEnd::kClaimLost);
  engine.reset();
  EXPECT_TRUE(model.batches.empty());
}

TEST_F(EngineTest, AJobOfManyBatchesIsBegunOnce) {
  Start();
  int begun = 0;
  Waited many = MakeJob(std::vector<std::vector<std::int32_t>>(64, {1}));
  many.job->begin = [&begun] { return ++begun > 0; };
  engine->Submit(many.job);
  EXPECT_EQ(many.end.get(), JobEnd::kDone);
  EXPECT_EQ(begun, 1);
}

TEST_F(EngineTest, AJobCancelledWhileWaitingIsNeverBegun) {
  model.hold = true;
  Start();
  Waited running = MakeJob({{1}});
  Waited waiting = MakeJob({{2}});
  bool begun = false;
  waiting.job->begin = [&begun] { return begun = true; };
  engine->Submit(running.job);
  model.entered.acquire();
  engine->Submit(waiting.job);
  engine->Cancel(*waiting.job);
  model.proceed.release(2);
  EXPECT_EQ(running.end.get(), JobEnd::kDone);
  EXPECT_EQ(waiting.end.get(), JobEnd::kCancelled);
  EXPECT_FALSE(begun);
}

TEST_F(EngineTest, AJobCancelledBeforeItIsSubmittedEndsAtOnce) {
  Start();
  Waited gone = MakeJob({{1}});
  engine->Cancel(*gone.job);
  engine->Submit(gone.job);
  EXPECT_EQ(gone.end.get(), JobEnd::kCancelled);
}

TEST_F(EngineTest, DrainingFinishesWhatWasBegunAndRefusesTheRest) {
  model.hold = true;
  Start();
  Waited begun = MakeJob(std::vector<std::vector<std::int32_t>>(16, {1}));  // two batches
  engine->Submit(begun.job);
  model.entered.acquire();
  Waited waiting = MakeJob({{2}});
  engine->Submit(waiting.job);
  engine->Drain();
  model.proceed.release(3);
  EXPECT_EQ(begun.end.get(), JobEnd::kDone);
  EXPECT_EQ(waiting.end.get(), JobEnd::kDraining);
  Waited late = MakeJob({{3}});
  engine->Submit(late.job);
  EXPECT_EQ(late.end.get(), JobEnd::kDraining);
}

TEST_F(EngineTest, TheQueueIsBounded) {
  model.hold = true;
  Start(2);
  Waited first = MakeJob({{1}}), second = MakeJob({{2}}), third = MakeJob({{3}});
  engine->Submit(first.job);
  model.entered.acquire();
  engine->Submit(second.job);
  engine->Submit(third.job);
  EXPECT_EQ(third.end.get(), JobEnd::kQueueFull);
  model.proceed.release(2);
  EXPECT_EQ(second.end.get(), JobEnd::kDone);
}

TEST_F(EngineTest, AFailedBatchFailsItsJobsAndTheNextOneRuns) {
  model.answer = MakeError(ErrorKind::kInternal, "broken");
  Start();
  Waited failed = MakeJob({{1}});
  engine->Submit(failed.job);
  EXPECT_EQ(failed.end.get(), JobEnd::kFailed);
  EXPECT_EQ(failed.job->error, "broken");
  Waited again = MakeJob({{1}});
  engine->Submit(again.job);
  EXPECT_EQ(again.end.get(), JobEnd::kFailed);
}

TEST_F(EngineTest, ABatchOverTheMemoryBudgetEndsItsJobsWithTheNumbers) {
  model.answer = MakeError(ErrorKind::kUnavailable, "24 MiB more asked for");
  Start();
  Waited refused = MakeJob({{1}, {2}});
  engine->Submit(refused.job);
  EXPECT_EQ(refused.end.get(), JobEnd::kOverBudget);
  EXPECT_EQ(refused.job->error, "24 MiB more asked for");
}

TEST_F(EngineTest, DestroyingItCancelsWhatWaits) {
  model.hold = true;
  Start();
  Waited running = MakeJob({{1}}), waiting = MakeJob({{2}});
  engine->Submit(running.job);
  model.entered.acquire();
  engine->Submit(waiting.job);
  model.proceed.release(2);
  // The second may have begun by now; whatever happens, both end.
  engine.reset();
  EXPECT_EQ(running.end.get(), JobEnd::kDone);
  const JobEnd end = waiting.end.get();
  EXPECT_TRUE(end == JobEnd::kCancelled || end == JobEnd::kDone);
}

TEST_F(EngineTest, BatchesAreCounted) {
  Start();
  Waited one = MakeJob({{1, 1, 1}, {2}});
  engine->Submit(one.job);
  one.end.get();
  engine.reset();
  const auto increments = metrics.Take();
  EXPECT_EQ(increments.counters[static_cast<std::size_t>(Counter::kBatches)], 1);
  EXPECT_EQ(increments.histograms[static_cast<std::size_t>(Histogram::kBatchSize)].sum, 2);
  EXPECT_EQ(increments.histograms[static_cast<std::size_t>(Histogram::kBatchTokens)].sum, 4);
}

}  // namespace
}  // namespace berth::engine
