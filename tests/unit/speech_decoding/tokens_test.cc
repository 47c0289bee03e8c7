// Whisper's published tokenizers: what steers, what is no speech, prompts, words.
#include "worker/speech/decoding/tokens.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/unit/speech_decoding/small_tokens.h"
#include "worker/speech/decoding/words.h"

namespace berth::speech {
namespace {

class PublishedTokenizer : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const char* data = std::getenv("BERTH_TEST_DATA");
    const char* source = std::getenv("BERTH_SOURCE_DIR");
    const std::filesystem::path root =
        data != nullptr ? std::filesystem::path(data)
                        : std::filesystem::path(source != nullptr ? source : ".") / "../shared/data";
    const auto dir = root / "tokenizers" / GetParam();
    if (!std::filesystem::exists(dir)) GTEST_SKIP() << "no test data at " << dir << "; set BERTH_TEST_DATA";
    auto loaded = text::Tokenizer::Load(dir);
    ASSERT_TRUE(loaded) << loaded.error().message;
    tokenizer_ = std::move(*loaded);
    config_.vocab_size = static_cast<std::int64_t>(tokenizer_->vocab_size());
    config_.positions = 1500;
    config_.context = 448;
    auto tokens = FindSpeechTokens(*tokenizer_, config_, {}, "here");
    ASSERT_TRUE(tokens) << tokens.error().message;
    tokens_ = *tokens;
  }

  bool v3() const { return std::string(GetParam()) == "whisper-large-v3"; }

  std::unique_ptr<text::Tokenizer> tokenizer_;
  checkpoint::WhisperConfig config_;
  SpeechTokens tokens_;
};

INSTANTIATE_TEST_SUITE_P(All, PublishedTokenizer, testing::Values("whisper.tiny", "whisper-large-v3"),
                         [](const auto& each) { return std::string(each.param) == "whisper.tiny" ? "tiny" : "large_v3"; });

TEST_P(PublishedTokenizer, HasThePublishedTokens) {
  const Token shift = v3() ? 1 : 0;
  EXPECT_EQ(tokens_.end, 50257);
  EXPECT_EQ(tokens_.start, 50258);
  EXPECT_EQ(tokens_.translate, 50358 + shift);
  EXPECT_EQ(tokens_.transcribe, 50359 + shift);
  EXPECT_EQ(tokens_.start_of_previous, 50361 + shift);
  EXPECT_EQ(tokens_.no_speech, 50362 + shift);
  EXPECT_EQ(tokens_.no_timestamps, 50363 + shift);
  EXPECT_EQ(tokens_.first_timestamp, 50364 + shift);
  EXPECT_EQ(tokens_.last_timestamp, 51864 + shift);
  EXPECT_EQ(tokenizer_->TokenText(tokens_.first_timestamp), "<|0.00|>");
  EXPECT_EQ(tokenizer_->TokenText(tokens_.last_timestamp), "<|30.00|>");
  EXPECT_EQ(tokens_.languages.size(), v3() ? 100u : 99u);
  EXPECT_EQ(tokens_.languages.at("en"), 50259);
  EXPECT_EQ(tokens_.languages.at("su"), 50357);
}

// The list of the published generation_config.json of the multilingual models.
TEST_P(PublishedTokenizer, WhatIsNoSpeechIsThePublishedList) {
  const std::vector<Token> published = {
      1,     2,     7,     8,     9,     10,    14,    25,    26,    27,    28,    29,    31,    58,    59,    60,
      61,    62,    63,    90,    91,    92,    93,    359,   503,   522,   542,   873,   893,   902,   918,   922,
      931,   1350,  1853,  1982,  2460,  2627,  3246,  3253,  3268,  3536,  3846,  3961,  4183,  4667,  6585,  6647,
      7273,  9061,  9383,  10428, 10929, 11938, 12033, 12331, 12562, 13793, 14157, 14635, 15265, 15618, 16553, 16604,
      18362, 18956, 20075, 21675, 22520, 26130, 26161, 26435, 28279, 29464, 31650, 32302, 32470, 36865, 42863, 47425,
      49870, 50254};
  EXPECT_EQ(NonSpeechTokens(*tokenizer_), published);
  for (const Token token : {tokens_.start, *tokens_.transcribe, *tokens_.translate, tokens_.start_of_previous,
                            *tokens_.no_speech}) {
    EXPECT_TRUE(std::ranges::binary_search(tokens_.suppress, token)) << token;
  }
  EXPECT_FALSE(std::ranges::binary_search(tokens_.suppress, tokens_.end));
  EXPECT_EQ(tokens_.begin_suppress, (std::vector<Token>{220, 50257}));
}

TEST_P(PublishedTokenizer, AStrangersPromptIsTextWhateverItSays) {
  const auto ids = EncodePrompt(*tokenizer_, "  hello <|endoftext|> <|0.00|>\n");
  EXPECT_EQ(std::ranges::count_if(ids, [&](Token id) { return id == tokens_.end; }), 0);
  EXPECT_EQ(tokenizer_->Decode(std::span(ids).first(1), false), " hello");
  EXPECT_TRUE(EncodePrompt(*tokenizer_, " \n").empty());
}

TEST_P(PublishedTokenizer, TextLeavesOutWhatSteers) {
  auto ids = EncodePrompt(*tokenizer_, "hello world");
  ids.insert(ids.begin(), tokens_.first_timestamp);
  ids.push_back(tokens_.first_timestamp + 7);
  EXPECT_EQ(TextOf(*tokenizer_, tokens_, ids), " hello world");
}

TEST_P(PublishedTokenizer, WordsBeginAtBlanksAndMarksStandAlone) {
  const auto ids = EncodePrompt(*tokenizer_, "Ask not, unbelievably!");
  const auto words = SplitWords(*tokenizer_, ids, "en");
  std::vector<std::string> texts;
  std::vector<Token> all;
  for (const auto& word : words) {
    texts.push_back(word.text);
    all.insert(all.end(), word.tokens.begin(), word.tokens.end());
  }
  EXPECT_EQ(texts, (std::vector<std::string>{" Ask", " not", ",", " unbelievably", "!"}));
  EXPECT_EQ(all, ids);
}

TEST_P(PublishedTokenizer, WhereThereAreNoBlanksWordsAreWholeCharacters) {
  const auto ids = tokenizer_->Encode("今日は𠮷", false);
  std::string text;
  for (const auto& word : SplitWords(*tokenizer_, ids, "ja")) {
    EXPECT_EQ(word.text.find("\xef\xbf\xbd"), std::string::npos) << word.text;
    text += word.text;
  }
  EXPECT_EQ(text, "今日は𠮷");
}

TEST(MakePrompt, HasLanguageAndTaskAndWhatWasSaidBefore) {
  const SpeechTokens tokens = SmallTokens();
  using Ids = std::vector<Token>;
  const Ids none, previous = {1, 2, 3, 4, 5, 6, 7}, hot = {8, 8};
  const auto prompt = [&](const Ids& hotwords, const Ids& before, Task task, bool timestamps) {
    return MakePrompt(tokens, hotwords, before, "de", task, timestamps, 14);
  };
  EXPECT_EQ(prompt(none, none, Task::kTranscribe, true).ids, (Ids{kStart, kGerman, kTranscribe}));
  EXPECT_EQ(prompt(none, none, Task::kTranslate, false).ids, (Ids{kStart, kGerman, kTranslate, kNoTimestamps}));
  // At most 14 / 2 − 1 = 6 tokens: the last ones.
  const Prompt longer = prompt(none, previous, Task::kTranscribe, true);
  EXPECT_EQ(longer.ids, (Ids{kPrevious, 2, 3, 4, 5, 6, 7, kStart, kGerman, kTranscribe}));
  EXPECT_EQ(longer.start, 7u);
  EXPECT_EQ(prompt(hot, previous, Task::kTranscribe, true).ids,
            (Ids{kPrevious, 8, 8, 4, 5, 6, 7, kStart, kGerman, kTranscribe}));
  EXPECT_EQ(prompt(previous, previous, Task::kTranscribe, true).ids,
            (Ids{kPrevious, 1, 2, 3, 4, 5, 6, kStart, kGerman, kTranscribe}));
}

TEST(MakePrompt, OfAModelOfEnglishAloneHasNeither) {
  SpeechTokens tokens = SmallTokens();
  tokens.languages.clear();
  EXPECT_EQ(MakePrompt(tokens, {}, {}, "en", Task::kTranscribe, false, 14).ids, (std::vector<Token>{kStart, kNoTimestamps}));
}

}  // namespace
}  // namespace berth::speech
