// The features beside a reference (scripts/reference/make_audio.py), which computes in float64.
#include "worker/audio/mel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

#include "tests/unit/audio/audio_files.h"
#include "worker/checkpoint/safetensors.h"

namespace berth::audio {
namespace {

constexpr double kTolerance = 1e-4;

struct Golden {
  Golden() {
    const auto mapped = checkpoint::MappedFile::Open(SourceDir() / "tests/golden/audio/mel.safetensors").value();
    const auto views = checkpoint::ParseSafetensors(mapped.bytes(), "mel.safetensors").value();
    for (const auto& view : views) {
      std::vector<float>& tensor = tensors[view.name];
      tensor.resize(view.data.size() / sizeof(float));
      std::memcpy(tensor.data(), view.data.data(), view.data.size());
    }
    for (const float sample : tensors["samples"]) samples.push_back(static_cast<std::int16_t>(sample));
  }

  std::map<std::string, std::vector<float>> tensors;
  std::vector<std::int16_t> samples;
};

double Furthest(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
  return most;
}

std::vector<float> Features(const LogMel& mel, const MelSignal& signal) {
  std::vector<float> features(static_cast<std::size_t>(mel.bins()) * signal.frames());
  const float maximum = mel.Energies(signal, 0, signal.frames(), features.data());
  EXPECT_EQ(maximum, mel.Maximum(signal));
  LogMel::Normalise(features, maximum);
  return features;
}

TEST(LogMel, FeaturesAreTheReferences) {
  const Golden golden;
  for (const int bins : {80, 128}) {
    const auto features = Features(LogMel(bins), {golden.samples, golden.samples.size()});
    const double furthest = Furthest(features, golden.tensors.at("mel." + std::to_string(bins)));
    std::printf("%d bins: at most %.1e from the reference\n", bins, furthest);
    EXPECT_LT(furthest, kTolerance) << bins;
  }
}

TEST(LogMel, APieceHasSilenceBehindItAndAMaximumOfItsOwn) {
  const Golden golden;
  EXPECT_LT(Furthest(LogMel(80).Window(golden.samples, 80), golden.tensors.at("window.80")), kTolerance);
}

TEST(LogMel, APartIsBitwiseThatOfTheWhole) {
  const Golden golden;
  const LogMel mel(80);
  const MelSignal signal{golden.samples, golden.samples.size() + 5000};
  const std::size_t all = signal.frames();
  std::vector<float> whole(80 * all);
  mel.Energies(signal, 0, all, whole.data());
  for (const auto& [first, frames] : {std::pair<std::size_t, std::size_t>{0, 1}, {3, 40}, {17, all - 17}, {all - 1, 1}}) {
    std::vector<float> part(80 * frames);
    mel.Energies(signal, first, frames, part.data());
    for (std::size_t m = 0; m < 80; ++m) {
      for (std::size_t f = 0; f < frames; ++f) {
        ASSERT_EQ(part[m * frames + f], whole[m * all + first + f]) << m << " " << first + f;
      }
    }
  }
}

TEST(LogMel, SilenceAndTheShortestSignalsAreTheFloor) {
  const LogMel mel(80);
  for (const std::size_t count : {0u, 1u, 159u, 480'000u}) {
    const std::vector<std::int16_t> silence(count, 0);
    const auto features = mel.Window(silence, 3000);
    ASSERT_EQ(features.size(), 240'000u);
    // The maximum is −10 as well.
    EXPECT_TRUE(std::ranges::all_of(features, [](float x) { return x == -1.5f; })) << count;
  }
  EXPECT_EQ(MelSignal({}).frames(), 0u);
  const std::vector<std::int16_t> one{20'000};
  for (const float x : Features(mel, {one, 161})) EXPECT_TRUE(std::isfinite(x));
}

TEST(LogMel, AToneIsLoudestInItsBin) {
  const auto features = LogMel(80).Window(Tone(1000, 16'000), 100);
  std::vector<float> middle;
  for (std::size_t m = 0; m < 80; ++m) middle.push_back(features[m * 100 + 50]);
  // 15 of 45.245 mels.
  EXPECT_EQ(std::ranges::max_element(middle) - middle.begin(), 26);
}

}  // namespace
}  // namespace berth::audio
