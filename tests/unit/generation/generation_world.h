// What the generator's tests share: a tokenizer of some letters, requests whose answers are collected, and what each
// answer must be, worked out without cache, batches or scheduling.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <random>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/generation/fake_decoder.h"
#include "worker/generation/generator.h"
#include "worker/generation/sampler.h"

namespace berth::engine {

inline constexpr int kVocab = 64;
inline constexpr std::int32_t kEos = 3;

// 64 tokens: five special ones, words, and pieces that go on a word.
inline const text::Tokenizer& TestTokenizer() {
  static const std::unique_ptr<text::Tokenizer> tokenizer = [] {
    const auto dir = std::filesystem::temp_directory_path() / ("berth_generation_" + std::to_string(::getpid()));
    std::filesystem::create_directories(dir);
    std::ofstream vocab(dir / "vocab.txt");
    vocab << "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
    for (int i = 5; i < kVocab; ++i) vocab << (i % 2 == 0 ? "##" : "") << static_cast<char>('a' + i % 26) << i << "\n";
    vocab.close();
    std::ofstream(dir / "tokenizer_config.json") << R"({"tokenizer_class": "BertTokenizer", "do_lower_case": true})";
    auto loaded = text::Tokenizer::Load(dir);
    std::filesystem::remove_all(dir);
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return std::move(*loaded);
  }();
  return *tokenizer;
}

struct Answer {
  std::vector<Delta::Token> prompt;
  std::vector<Delta::Token> tokens;
  std::string text;
  Delta::Finish finish = Delta::Finish::kNone;

  std::vector<std::int32_t> ids() const {
    std::vector<std::int32_t> ids;
    for (const auto& token : tokens) ids.push_back(token.id);
    return ids;
  }
};

// A job whose answers are collected and whose end can be waited for.
struct Request {
  std::shared_ptr<GenerationJob> job = std::make_shared<GenerationJob>();
  // By prompt and choice; of the compute thread until the end came.
  std::shared_ptr<std::map<std::pair<std::size_t, int>, Answer>> answers =
      std::make_shared<std::map<std::pair<std::size_t, int>, Answer>>();
  std::shared_ptr<std::promise<JobEnd>> promise = std::make_shared<std::promise<JobEnd>>();
  std::future<JobEnd> end = promise->get_future();

  const Answer& answer(std::size_t prompt = 0, int choice = 0) const { return answers->at({prompt, choice}); }
};

inline Request MakeRequest(std::vector<std::vector<std::int32_t>> prompts, std::int64_t max_tokens = 8) {
  Request request;
  request.job->prompts = std::move(prompts);
  request.job->sampling.temperature = 0;
  request.job->stopping.max_tokens = max_tokens;
  request.job->deliver = [answers = request.answers](Delta&& delta) {
    Answer& answer = (*answers)[{delta.prompt, delta.choice}];
    answer.text += delta.text;
    for (auto& token : delta.tokens) (token.of_prompt ? answer.prompt : answer.tokens).push_back(std::move(token));
    answer.finish = delta.finish;
  };
  request.job->ended = [promise = request.promise](JobEnd end) { promise->set_value(end); };
  return request;
}

inline std::vector<std::int32_t> RandomPrompt(std::mt19937& random, std::size_t size) {
  std::vector<std::int32_t> prompt(size);
  for (auto& id : prompt) id = static_cast<std::int32_t>(5 + random() % (kVocab - 5));
  return prompt;
}

// The ids of one choice, an end token among them, by the definitions alone.
inline std::vector<std::int32_t> ExpectedIds(const GenerationJob& job, std::size_t prompt, int choice,
                                             std::int64_t context, int vocab = kVocab) {
  std::vector<std::int32_t> ids = job.prompts[prompt], outputs;
  const auto distinct = DistinctIds(job.sampling, job.prompts[prompt]);
  Sampler sampler(job.sampling, {job.sampling.seed.value_or(0), choice, distinct}, vocab);
  std::vector<std::int32_t> ends = job.stopping.stop_token_ids;
  if (!job.stopping.ignore_eos) ends.push_back(kEos);
  while (static_cast<std::int64_t>(outputs.size()) < job.stopping.max_tokens &&
         static_cast<std::int64_t>(ids.size()) < context) {
    const bool may_end = static_cast<std::int64_t>(outputs.size()) >= job.stopping.min_tokens;
    const auto row = FakeDecoder::LogitsAfter(ids, vocab);
    const auto masked = may_end ? std::vector<std::int32_t>() : ends;
    const std::int32_t id = sampler.Draw(row, static_cast<std::int64_t>(ids.size()), masked);
    outputs.push_back(id);
    if (may_end && std::ranges::find(ends, id) != ends.end()) break;
    sampler.SeeOutput(id);
    ids.push_back(id);
  }
  return outputs;
}

// What `ids` add to the text of the prompt.
inline std::string TextAfter(const std::vector<std::int32_t>& prompt, const std::vector<std::int32_t>& ids, bool skip_special) {
  std::vector<std::int32_t> all = prompt;
  all.insert(all.end(), ids.begin(), ids.end());
  return TestTokenizer().Decode(all, skip_special).substr(TestTokenizer().Decode(prompt, skip_special).size());
}

// The answers are those of the definitions, in ids, text and finish; without stop strings.
inline void ExpectAnswers(const Request& request, std::int64_t context) {
  const GenerationJob& job = *request.job;
  for (std::size_t prompt = 0; prompt < job.prompts.size(); ++prompt) {
    for (int choice = 0; choice < job.choices; ++choice) {
      const Answer& answer = request.answer(prompt, choice);
      const auto expected = ExpectedIds(job, prompt, choice, context);
      ASSERT_EQ(answer.ids(), expected) << "prompt " << prompt << ", choice " << choice;
      std::vector<std::int32_t> text = expected;
      if (answer.tokens.back().is_end) text.pop_back();
      ASSERT_EQ(answer.text, TextAfter(job.prompts[prompt], text, job.skip_special_tokens));
      ASSERT_EQ(answer.finish, answer.tokens.back().is_end ? Delta::Finish::kStop : Delta::Finish::kLength);
    }
  }
}

// A generator over a fake decoder.
class GeneratorTest : public testing::Test {
 protected:
  void Start(std::int64_t blocks = 64) {
    decoder = std::make_unique<FakeDecoder>(blocks, kVocab);
    decoder->before_forward = before_forward;
    decoder->fail = fail;
    decoder->poison = poison;
    options.context = std::min<std::int64_t>(options.context, blocks * kBlockTokens);
    generator = std::make_unique<Generator>(*decoder, TestTokenizer(), options, metrics);
  }
  void SetUp() override {
    options.context = 256;
    options.eos = {kEos};
    options.sampled_vocab = kVocab;
  }
  void TearDown() override {
    generator.reset();
    EXPECT_EQ(decoder ? decoder->wrong : "", "");
  }
  void ExpectNothingHeld() {
    const auto gauges = generator->gauges();
    EXPECT_EQ(gauges.blocks_used, 0);
    EXPECT_EQ(gauges.running, 0);
    EXPECT_EQ(gauges.waiting, 0);
  }
  double Count(Counter counter) {
    taken_.push_back(metrics.Take());
    double sum = 0;
    for (const auto& each : taken_) sum += each.counters[static_cast<std::size_t>(counter)];
    return sum;
  }

  GeneratorOptions options;
  Metrics metrics;
  std::function<void()> before_forward;  // set before Start(), as the next
  std::function<Status()> fail;
  std::int32_t poison = -1;
  std::unique_ptr<FakeDecoder> decoder;
  std::unique_ptr<Generator> generator;

 private:
  std::vector<Metrics::Increments> taken_;
};

}  // namespace berth::engine
