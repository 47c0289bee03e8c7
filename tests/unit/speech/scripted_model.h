// A speech model that says what a test wrote down: the first number of a window's features names its script, which has for
// each attempt the tokens that come. And a tokenizer of a few letters to read them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/speech_decoding/small_tokens.h"
#include "worker/speech/speech_model.h"

namespace berth::speech {

// 0 is a blank, 1 … 8 are a … h, 9 is "!".
inline std::unique_ptr<text::Tokenizer> LetterTokenizer() {
  const auto dir = std::filesystem::temp_directory_path() / ("berth-letters-" + std::to_string(::getpid()));
  std::filesystem::create_directories(dir);
  std::ofstream(dir / "tokenizer.json") << R"({"version": "1.0", "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "post_processor": null,
    "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "unk_token": null, "vocab": {"Ġ": 0, "a": 1, "b": 2,
    "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "!": 9}, "merges": []}})";
  auto tokenizer = text::Tokenizer::Load(dir);
  std::filesystem::remove_all(dir);
  EXPECT_TRUE(tokenizer) << (tokenizer ? "" : tokenizer.error().message);
  return tokenizer ? std::move(*tokenizer) : nullptr;
}

struct Script {
  std::vector<std::vector<Token>> attempts;  // without the end; the last one stays
  float no_speech = 0;                       // logit of <|nospeech|>
  float sure = 12;                           // logit of the token that comes; the others' are 0
  Token language = kEnglish;
};

class ScriptedModel : public SpeechModel {
 public:
  ScriptedModel() {
    config_.vocab_size = kVocab;
    config_.mels = 1;
    config_.width = 2;
    config_.positions = 10;  // 200 ms
    config_.context = 64;
    config_.median_filter = 1;
  }

  std::map<int, Script> scripts;
  std::vector<std::vector<Token>> prompts;   // as they were computed
  std::vector<int> heard;                    // scripts
  std::size_t most_windows = 0;              // in one step
  std::optional<Error> fail_hearing, fail_decoding;

  Result<std::vector<std::unique_ptr<Window>>> Hear(std::span<const std::span<const float>> mels) override {
    if (fail_hearing) return *fail_hearing;
    std::vector<std::unique_ptr<Window>> windows;
    for (const auto& mel : mels) {
      EXPECT_EQ(mel.size(), 20u);
      heard.push_back(static_cast<int>(mel[0]));
      windows.push_back(std::make_unique<HeardScript>(static_cast<int>(mel[0])));
    }
    return windows;
  }

  Status Decode(std::span<const Slice> slices, std::span<const float>& logits) override {
    ++steps_;
    if (fail_decoding) return *fail_decoding;
    logits_.clear();
    std::vector<const Window*> windows;
    for (const Slice& slice : slices) {
      if (std::ranges::find(windows, slice.window) == windows.end()) windows.push_back(slice.window);
      Compute(slice);
    }
    most_windows = std::max(most_windows, windows.size());
    logits = logits_;
    return Ok();
  }

  // Token t of the text is heard at position 2t.
  Status Align(const Slice& slice, std::span<const float>& scores, std::span<const float>& logits) override {
    scores_.clear();
    logits_.clear();
    for (std::size_t i = 0; i < slice.ids.size(); ++i) {
      const auto row = static_cast<std::int64_t>(i) + slice.position - 3;  // behind start, language and task
      for (std::int64_t t = 0; t < config_.positions; ++t) scores_.push_back(row >= 0 && t / 2 == row ? 9.0f : 0.0f);
      for (const float logit : Logits({})) logits_.push_back(logit);
    }
    scores = scores_;
    logits = logits_;
    return Ok();
  }

  Status AllocateCache(std::int64_t blocks) override {
    blocks_ = blocks;
    return Ok();
  }
  void CopyBlock(BlockId from, BlockId to) override { EXPECT_NE(from, to); }
  const checkpoint::WhisperConfig& config() const override { return config_; }
  std::int64_t cache_blocks() const override { return blocks_; }
  Bytes block_bytes() const override { return {}; }
  Bytes window_bytes() const override { return {}; }
  Bytes weights_mapped() const override { return {}; }
  Bytes weights_owned() const override { return {}; }
  std::uint64_t steps() const override { return steps_; }

 private:
  struct HeardScript : Window {
    explicit HeardScript(int of) : script(of) {}
    int script;
    std::size_t attempts = 0;
    std::size_t prompt = 0;
  };

  void Compute(const Slice& slice) {
    auto& window = const_cast<HeardScript&>(static_cast<const HeardScript&>(*slice.window));
    const Script& script = scripts.at(window.script);
    const bool detects = slice.position == 0 && slice.ids.size() == 1;
    if (slice.position == 0 && !detects) {
      prompts.emplace_back(slice.ids.begin(), slice.ids.end());
      window.prompt = slice.ids.size();
      ++window.attempts;
    }
    for (const std::size_t i : slice.wanted) {
      std::map<Token, float> some = {{kNoSpeech, script.no_speech}};
      if (detects) some = {{script.language, 5.0f}};
      const auto place = static_cast<std::int64_t>(i) + slice.position - static_cast<std::int64_t>(window.prompt) + 1;
      if (!detects && place >= 0) {
        const auto& tokens = script.attempts[std::min(window.attempts, script.attempts.size()) - 1];
        const bool over = place >= static_cast<std::int64_t>(tokens.size());
        some = {{over ? kEnd : tokens[static_cast<std::size_t>(place)], script.sure}};
      }
      for (const float logit : Logits(some)) logits_.push_back(logit);
    }
  }

  checkpoint::WhisperConfig config_;
  std::vector<float> logits_, scores_;
  std::int64_t blocks_ = 0;
  std::uint64_t steps_ = 0;
};

}  // namespace berth::speech
