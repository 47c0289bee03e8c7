// The whole engine over a tiny model of random weights: what it says means nothing, but must be the same in any company, and
// what a search without any cache says.
#include <gtest/gtest.h>

#include <array>
#include <future>
#include <string_view>

#include "tests/unit/speech/golden.h"
#include "tests/unit/speech/scripted_model.h"
#include "worker/generation/token_filter.h"
#include "worker/speech/decoding/search.h"
#include "worker/speech/transcriber.h"

namespace berth::speech {
namespace {

// The tokens of the small vocabulary in the golden model's of 60.
SpeechTokens Tokens() {
  SpeechTokens tokens = SmallTokens();
  tokens.last_timestamp = 59;
  return tokens;
}

std::unique_ptr<SpeechModel> Load(int threads) {
  SpeechModelOptions options;
  options.threads = threads;
  options.budget = GiB(1);
  return std::move(LoadWhisper(GoldenDir("whisper"), options).value());
}

// Prompts of so many lengths that hypotheses come to a block's end at each of their tokens.
constexpr std::array<std::string_view, 6> kPrompts = {"", "a", "abcdef", "abcdefgh", "abcdefgha", "abcdefghab"};

std::shared_ptr<TranscriptionJob> JobOf(const Floats& mel, std::optional<double> temperature, bool words) {
  auto job = std::make_shared<TranscriptionJob>();
  job->options.language = "en";
  job->options.temperature = temperature;
  job->options.thresholds = {std::nullopt, std::nullopt, std::nullopt};  // random weights are unsure of everything
  job->options.words = words;
  job->pieces = {{0, 140}};
  job->frames = 140;
  job->features = [&mel](const Piece&, std::span<float> to) -> Status {
    std::ranges::copy(mel, to.begin());
    return Ok();
  };
  return job;
}

struct Said {
  std::vector<Token> tokens;
  std::vector<double> starts;  // of words
  bool operator==(const Said&) const = default;
};

// All at the same time, or one after the other.
std::vector<Said> Transcribe(const std::vector<GoldenCase>& cases, std::optional<double> temperature, bool together,
                             bool words, std::string_view prompt = "") {
  const auto model = Load(together ? 2 : 1);
  const auto tokenizer = LetterTokenizer();
  const SpeechTokens tokens = Tokens();
  EXPECT_TRUE(model->AllocateCache(Transcriber::CacheBlocks(model->config(), 3, 5)));
  std::vector<Said> all(cases.size());
  std::vector<std::promise<engine::JobEnd>> ends(cases.size());
  Transcriber transcriber(*model, *tokenizer, tokens, {});
  for (std::size_t i = 0; i < cases.size(); ++i) {
    auto job = JobOf(cases[i].mel, temperature, words);
    job->options.prompt = prompt;
    job->deliver = [&all, i](TranscriptionJob::News&& news) {
      for (const Segment& segment : news.segments) {
        all[i].tokens.insert(all[i].tokens.end(), segment.tokens.begin(), segment.tokens.end());
        for (const Word& word : segment.words) all[i].starts.push_back(word.start);
      }
    };
    job->ended = [&ends, i](engine::JobEnd end) { ends[i].set_value(end); };
    transcriber.Submit(job);
    if (together) continue;
    EXPECT_EQ(ends[i].get_future().get(), engine::JobEnd::kDone);
  }
  for (auto& end : ends) {
    if (!together) break;
    EXPECT_EQ(end.get_future().get(), engine::JobEnd::kDone);
  }
  return all;
}

TEST(RealTranscripts, AreTheSameAloneAndInCompany) {
  const auto cases = ReadGolden(GoldenDir("whisper"));
  for (const auto temperature : {std::optional<double>(), std::optional(0.8)}) {
    const auto alone = Transcribe(cases, temperature, false, true);
    EXPECT_EQ(Transcribe(cases, temperature, true, true), alone);
    std::size_t tokens = 0;
    for (const Said& each : alone) tokens += each.tokens.size();
    EXPECT_GT(tokens, 10u) << "there is something to compare";
    for (const Said& each : alone) EXPECT_TRUE(std::ranges::is_sorted(each.starts));
  }
}

// Every hypothesis computed from its first token on, each time, in blocks of its own.
void ExpectAsWithoutACache(std::string_view text) {
  const auto cases = ReadGolden(GoldenDir("whisper"));
  const auto cached = Transcribe(cases, std::nullopt, true, false, text);
  const auto model = Load(1);
  const auto tokenizer = LetterTokenizer();
  const SpeechTokens tokens = Tokens();
  const FilterRules rules{&tokens, true, 50};
  const Prompt prompt = MakePrompt(tokens, {}, EncodePrompt(*tokenizer, text), "en", Task::kTranscribe, true, 40);
  ASSERT_TRUE(model->AllocateCache(3));
  const std::vector<BlockId> blocks = {0, 1, 2};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::span<const float> mel = cases[i].mel;
    const auto windows = model->Hear({&mel, 1}).value();
    Search search(rules, {.max_tokens = std::min<std::int64_t>(20, 40 - static_cast<std::int64_t>(prompt.ids.size()))});
    while (!search.finished()) {
      std::vector<Floats> rows;
      for (const Hypothesis& each : search.live()) {
        Ids ids = prompt.ids;
        ids.insert(ids.end(), each.tokens.begin(), each.tokens.end());
        const std::size_t last = ids.size() - 1;
        std::span<const float> logits;
        ASSERT_TRUE(model->Decode(std::vector{Slice{ids, 0, blocks, windows[0].get(), {&last, 1}}}, logits));
        rows.emplace_back(logits.begin(), logits.end());
      }
      const std::vector<std::span<float>> spans(rows.begin(), rows.end());
      search.Take(spans);
    }
    // Segments without text are not told.
    std::vector<Token> expected;
    for (const auto& part : CutSegments(tokens, search.best().tokens, 140, CutMode::kPiece).parts) {
      const auto ids = std::span(search.best().tokens).subspan(part.begin, part.end - part.begin);
      const std::string said = TextOf(*tokenizer, tokens, ids);
      if (said.find_first_not_of(' ') == std::string::npos) continue;
      expected.insert(expected.end(), ids.begin(), ids.end());
    }
    EXPECT_EQ(cached[i].tokens, expected) << i << ", prompt \"" << text << "\"";
  }
}

TEST(RealTranscripts, ABeamOverACacheWithForksIsABeamWithoutOne) {
  for (const std::string_view prompt : kPrompts) ExpectAsWithoutACache(prompt);
}

}  // namespace
}  // namespace berth::speech
