// A real trained model and its golden tokens, which two independent forwards agree on: whatever the company, the size
// of the chunks, the cache, and who had to give way.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/unit/checkpoint/temp_dir.h"
#include "tests/unit/generation/generation_world.h"

namespace berth::engine {
namespace {

class StoriesGenerator : public testing::Test {
 protected:
  void SetUp() override {
    const auto data = TestData();
    if (data.empty()) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
    const auto dir = data / "models/stories260K";
    std::ifstream file(dir / "golden-greedy.json");
    cases_ = nlohmann::json::parse(file)["cases"];
    auto decoder = LoadDecoder(dir, {.budget = GiB(1)});
    ASSERT_TRUE(decoder) << decoder.error().message;
    decoder_ = std::move(*decoder);
    auto tokenizer = text::Tokenizer::Load(dir);
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    tokenizer_ = std::move(*tokenizer);
  }

  void Start(std::int64_t blocks, GeneratorOptions options) {
    ASSERT_TRUE(decoder_->AllocateCache(blocks));
    options.context = std::min<std::int64_t>(512, blocks * kBlockTokens);
    options.eos = {1, 2};
    options.sampled_vocab = 512;
    generator_ = std::make_unique<Generator>(*decoder_, *tokenizer_, options, metrics_);
  }

  Request Submit(const nlohmann::json& each) {
    const auto prompt = each["prompt_ids"].get<std::vector<std::int32_t>>();
    const auto all = each["ids"].size();
    Request request = MakeRequest({prompt}, static_cast<std::int64_t>(all - prompt.size()));
    request.job->stopping.ignore_eos = true;
    generator_->Submit(request.job);
    return request;
  }

  void ExpectGolden(Request& request, const nlohmann::json& each) {
    ASSERT_EQ(request.end.get(), JobEnd::kDone) << request.job->error;
    std::vector<std::int32_t> ids = request.job->prompts[0];
    const auto answered = request.answer().ids();
    ids.insert(ids.end(), answered.begin(), answered.end());
    EXPECT_EQ(ids, each["ids"].get<std::vector<std::int32_t>>()) << each["prompt"];
    EXPECT_FALSE(request.answer().text.empty());
    EXPECT_TRUE(each["text"].get<std::string>().ends_with(request.answer().text)) << request.answer().text;
  }

  // All cases `times` times at once; what was preempted meanwhile.
  double RunTogether(int times) {
    std::vector<std::pair<Request, const nlohmann::json*>> running;
    for (int i = 0; i < times; ++i) {
      for (const auto& each : cases_) running.emplace_back(Submit(each), &each);
    }
    for (auto& [request, each] : running) ExpectGolden(request, *each);
    EXPECT_EQ(generator_->gauges().blocks_used, 0);
    return metrics_.Take().counters[static_cast<std::size_t>(Counter::kPreemptions)];
  }

  nlohmann::json cases_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  Metrics metrics_;
  std::unique_ptr<Generator> generator_;
};

TEST_F(StoriesGenerator, GoldenTokensAlone) {
  Start(64, {});
  for (const auto& each : cases_) {
    Request request = Submit(each);
    ExpectGolden(request, each);
  }
}

TEST_F(StoriesGenerator, GoldenTokensInABatch) {
  Start(256, {});
  RunTogether(4);
}

TEST_F(StoriesGenerator, GoldenTokensInSmallChunks) {
  Start(256, {.step_tokens = 7, .prefix_cache = false});
  RunTogether(2);
}

TEST_F(StoriesGenerator, GoldenTokensFromThePrefixCache) {
  Start(256, {});
  RunTogether(1);
  const auto before = metrics_.Take();
  Request request = Submit(cases_[4]);  // 21 tokens: one full block
  ExpectGolden(request, cases_[4]);
  EXPECT_EQ(request.job->cached_tokens, 16);
}

TEST_F(StoriesGenerator, GoldenTokensThroughPreemption) {
  for (const bool prefix_cache : {true, false}) {
    Start(16, {.step_tokens = 32, .prefix_cache = prefix_cache});
    EXPECT_GT(RunTogether(3), 0) << "nobody had to give way, and nothing was shown";
    generator_.reset();
  }
}

}  // namespace
}  // namespace berth::engine
