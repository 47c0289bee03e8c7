#include "worker/speech/decoding/quality.h"

#include <gtest/gtest.h>

#include "tests/unit/speech_decoding/small_tokens.h"

namespace berth::speech {
namespace {

// Python's len(b) / len(zlib.compress(b)).
TEST(CompressionRatio, IsThatOfZlibsLevelSix) {
  EXPECT_NEAR(CompressionRatio("And so my fellow Americans, ask not what your country can do for you, ask what you can "
                               "do for your country."),
              107.0 / 79.0, 1e-9);
  std::string repeated;
  for (int i = 0; i < 40; ++i) repeated += "thank you. ";
  EXPECT_NEAR(CompressionRatio(repeated), 440.0 / 24.0, 1e-9);
  EXPECT_NEAR(CompressionRatio("äöü"), 6.0 / 14.0, 1e-9) << "bytes, not characters";
  EXPECT_EQ(CompressionRatio(""), 0);
}

TEST(NoSpeech, IsTheShareOfItsToken) {
  EXPECT_NEAR(NoSpeechProbability(Logits({{kNoSpeech, 0}}), kNoSpeech), 1.0 / kVocab, 1e-6);
  EXPECT_NEAR(NoSpeechProbability(Logits({{kNoSpeech, 30}}), kNoSpeech), 1, 1e-6);
}

TEST(Fallback, IsForRepetitionAndDoubtButNotForSilence) {
  struct Case {
    Quality quality;
    bool fallback, silence;
  };
  const std::vector<Case> cases = {
      {{1.5, -0.3, 0.1}, false, false},   // good
      {{2.5, -0.3, 0.1}, true, false},    // repeats itself
      {{2.4, -1.0, 0.6}, false, false},   // on all three bounds
      {{1.5, -1.1, 0.1}, true, false},    // unsure
      {{1.5, -1.1, 0.7}, false, true},    // silence
      {{2.5, -1.1, 0.7}, false, true},    // silence, whatever was made of it
      {{1.5, -0.3, 0.9}, false, false},   // sure of what it heard
      {{2.5, -0.3, 0.9}, true, false},
  };
  for (const auto& [quality, fallback, silence] : cases) {
    EXPECT_EQ(NeedsFallback(quality, {}), fallback) << quality.compression_ratio << " " << quality.avg_logprob;
    EXPECT_EQ(IsSilence(quality, {}), silence) << quality.compression_ratio << " " << quality.avg_logprob;
  }
}

TEST(Fallback, WithoutAThresholdItsMeasureDoesNotCount) {
  const Quality bad{9, -9, 0.9};
  EXPECT_FALSE(NeedsFallback(bad, {std::nullopt, std::nullopt, std::nullopt}));
  EXPECT_FALSE(IsSilence(bad, {2.4, -1.0, std::nullopt}));
  EXPECT_TRUE(NeedsFallback(bad, {2.4, -1.0, std::nullopt}));
  EXPECT_TRUE(IsSilence({1, -0.1, 0.9}, {2.4, std::nullopt, 0.6}));
}

TEST(TemperatureLadder, IsForNoneAndZeroAlone) {
  EXPECT_EQ(TemperatureLadder(std::nullopt), (std::vector<double>{0, 0.2, 0.4, 0.6, 0.8, 1.0}));
  EXPECT_EQ(TemperatureLadder(0).size(), 6u);
  EXPECT_EQ(TemperatureLadder(0.7), (std::vector<double>{0.7}));
}

TEST(DetectLanguage, IsTheBestAmongLanguages) {
  const auto detected = DetectLanguage(Logits({{3, 50}, {kGerman, 2}, {kEnglish, 1}}), SmallTokens());
  EXPECT_EQ(detected.code, "de");
  EXPECT_NEAR(detected.probability, 1 / (1 + std::exp(-1.0)), 1e-6);
}

}  // namespace
}  // namespace berth::speech
