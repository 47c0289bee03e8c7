// Voice activity beside the published TorchScript, whose probabilities scripts/reference/make_audio.py wrote down.
#include "worker/audio/silero_vad.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tests/unit/audio/audio_files.h"
#include "worker/audio/audio_reader.h"

namespace berth::audio {
namespace {

using testing::HasSubstr;

constexpr double kTolerance = 1e-4;

class SpeechDetectorTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto path = TestData() / "models/silero-vad/silero_vad_16k.safetensors";
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no test data: set BERTH_TEST_DATA";
    weights = SileroWeights::Open(path).value();
  }

  std::vector<float> Detect(std::span<const std::int16_t> samples, std::size_t piece) const {
    SpeechDetector detector(weights);
    std::vector<float> probabilities;
    for (std::size_t at = 0; at < samples.size(); at += piece) {
      detector.Add(samples.subspan(at, std::min(piece, samples.size() - at)), probabilities);
    }
    detector.Finish(probabilities);
    return probabilities;
  }

  static std::vector<std::int16_t> Samples(const char* path) {
    return ReadAudio(BytesOf(ReadFile(TestData() / path))).value();
  }

  std::shared_ptr<const SileroWeights> weights;
};

TEST_F(SpeechDetectorTest, ProbabilitiesAreThePublishedModels) {
  const auto golden = nlohmann::json::parse(ReadFile(SourceDir() / "tests/golden/audio/silero.json"));
  for (const auto& [name, path] : {std::pair{"jfk", "speech/jfk.wav"}, {"test", "models/silero-vad/test.wav"}}) {
    const auto expected = golden[name].get<std::vector<double>>();
    const auto probabilities = Detect(Samples(path), 1'000'000);
    ASSERT_EQ(probabilities.size(), expected.size());
    double furthest = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) furthest = std::max(furthest, std::abs(probabilities[i] - expected[i]));
    std::printf("%s: %zu hops, at most %.1e from the published model\n", name, expected.size(), furthest);
    EXPECT_LT(furthest, kTolerance) << name;
  }
}

TEST_F(SpeechDetectorTest, PiecesOfAStreamAreTheWholeAndStreamsDoNotTouchEachOther) {
  const auto samples = Samples("speech/jfk.wav");
  const auto whole = Detect(samples, samples.size());
  for (const std::size_t piece : {511u, 4'000u, 160'001u}) EXPECT_EQ(Detect(samples, piece), whole) << piece;
  SpeechDetector detector(weights);
  std::vector<float> probabilities;
  for (int i = 0; i < 2; ++i) {
    probabilities.clear();
    detector.Add(samples, probabilities);
    detector.Finish(probabilities);
    EXPECT_EQ(probabilities, whole) << i;
  }
}

TEST_F(SpeechDetectorTest, SpeechIsFoundWhereTheDataSaysItIs) {
  const auto samples = Samples("speech/jfk.wav");
  const auto probabilities = Detect(samples, samples.size());
  const SegmentRules bare{.end_below = 0.5f, .padding = std::chrono::milliseconds(0)};
  const auto segments = Segments(probabilities, samples.size(), bare);
  const std::vector<std::pair<double, double>> expected{{0.35, 2.24}, {3.30, 3.81}, {3.97, 4.38}, {5.41, 7.62}, {8.19, 10.53}};
  ASSERT_EQ(segments.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(segments[i].begin) / kSampleRate, expected[i].first, 0.1);
    EXPECT_NEAR(static_cast<double>(segments[i].end) / kSampleRate, expected[i].second, 0.1);
  }
}

TEST_F(SpeechDetectorTest, SilenceAndATonesAreNoSpeech) {
  for (const auto& samples : {std::vector<std::int16_t>(160'000, 0), Tone(440, 160'000)}) {
    const auto probabilities = Detect(samples, samples.size());
    ASSERT_EQ(probabilities.size(), 313u);
    EXPECT_TRUE(Segments(probabilities, samples.size(), {}).empty());
  }
  EXPECT_TRUE(Detect({}, 1).empty());
}

TEST(SileroWeights, AnotherModelsFileIsRefusedByName) {
  const auto other = SileroWeights::Open(SourceDir() / "tests/golden/audio/mel.safetensors");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("mel.safetensors: has no tensor \"stft_conv.weight\""));
  EXPECT_FALSE(SileroWeights::Open("/nowhere/silero.safetensors"));
}

}  // namespace
}  // namespace berth::audio
