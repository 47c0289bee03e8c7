// Whisper beside a reference: tiny models with the states and teacher-forced logits that scripts/reference computed from them
// in float64. In float32 a row's bits are the same alone and in any company.
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <numeric>

#include "tests/unit/speech/golden.h"
#include "worker/checkpoint/whisper_footprint.h"
#include "worker/decoder/decoder_weights.h"
#include "worker/kernels/cpu/cpu_ops.h"
#include "worker/speech/whisper_encoder.h"

namespace berth::speech {
namespace {

using checkpoint::DecoderDtype;

constexpr double kTolerance = 1e-4;
constexpr double kBfloat16Tolerance = 2e-2;

std::unique_ptr<SpeechModel> Load(const std::filesystem::path& dir, DecoderDtype dtype, int threads,
                                  engine::Budget* meter = nullptr) {
  SpeechModelOptions options;
  options.dtype = dtype;
  options.threads = threads;
  options.budget = GiB(2);
  options.meter = meter;
  auto loaded = LoadWhisper(dir, options);
  if (!loaded) throw std::runtime_error(loaded.error().message);
  return std::move(*loaded);
}

Floats StatesOf(const std::filesystem::path& dir, const Floats& mel, int threads) {
  const auto config = checkpoint::ReadWhisperConfig(dir).value();
  decoder::DecoderWeights weights(checkpoint::Checkpoint::Open(dir).value(), checkpoint::Dtype::F32, GiB(1), nullptr, {});
  const WhisperEncoder encoder(config, weights);
  EXPECT_TRUE(weights.Finish());
  const auto ops = kernels::cpu::MakeCpuOps(threads);
  Floats workspace(static_cast<std::size_t>(checkpoint::EncoderFloats(config)), NAN);
  std::atomic<std::uint64_t> steps{0};
  const float* states = encoder.Forward(mel.data(), *ops, workspace.data(), steps);
  EXPECT_GE(steps.load(), static_cast<std::uint64_t>(config.encoder_layers));
  return Floats(states, states + config.positions * config.width);
}

// One sequence over the blocks that it is given, cut into pieces of `most` tokens.
struct Sequence {
  const GoldenCase* golden;
  const Window* window;
  std::vector<BlockId> blocks;
  std::size_t done = 0;
  Floats logits = {};
};

// A step of each of the sequences that are not done, in the order given.
bool Step(SpeechModel& model, std::vector<Sequence>& sequences, std::size_t most) {
  std::vector<std::size_t> all(64);
  std::iota(all.begin(), all.end(), std::size_t{0});
  std::vector<Slice> slices;
  std::vector<Sequence*> owners;
  for (Sequence& each : sequences) {
    const std::span ids(each.golden->ids);
    const std::size_t count = std::min(most, ids.size() - each.done);
    if (count == 0) continue;
    slices.push_back({ids.subspan(each.done, count), static_cast<std::int64_t>(each.done), each.blocks, each.window,
                      std::span(all).first(count)});
    owners.push_back(&each);
  }
  if (slices.empty()) return false;
  std::span<const float> logits;
  const Status done = model.Decode(slices, logits);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  if (!done) return false;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const std::size_t size = slices[i].ids.size() * static_cast<std::size_t>(model.config().vocab_size);
    owners[i]->logits.insert(owners[i]->logits.end(), logits.begin(), logits.begin() + static_cast<std::ptrdiff_t>(size));
    owners[i]->done += slices[i].ids.size();
    logits = logits.subspan(size);
  }
  EXPECT_TRUE(logits.empty());
  return true;
}

std::vector<Floats> LogitsOf(SpeechModel& model, const std::vector<GoldenCase>& cases, std::size_t most, bool together) {
  std::vector<std::span<const float>> mels;
  for (const auto& each : cases) mels.push_back(each.mel);
  auto windows = model.Hear(mels);
  EXPECT_TRUE(windows) << (windows ? "" : windows.error().message);
  const std::size_t blocks = (static_cast<std::size_t>(model.config().context) - 1) / kBlockTokens + 1;
  EXPECT_TRUE(model.AllocateCache(static_cast<std::int64_t>(blocks * cases.size())));
  std::vector<Sequence> sequences;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    sequences.push_back({&cases[i], (*windows)[i].get(), {}});
    // In no order.
    for (std::size_t b = 0; b < blocks; ++b) sequences[i].blocks.push_back(static_cast<BlockId>(b * cases.size() + i));
    std::ranges::reverse(sequences[i].blocks);
  }
  std::vector<Floats> logits;
  if (together) {
    while (Step(model, sequences, most)) {}
    for (auto& each : sequences) logits.push_back(std::move(each.logits));
  } else {
    for (auto& each : sequences) {
      std::vector<Sequence> one = {each};
      while (Step(model, one, most)) {}
      logits.push_back(std::move(one[0].logits));
    }
  }
  return logits;
}

class WhisperReference : public testing::TestWithParam<const char*> {
 protected:
  const std::filesystem::path dir_ = GoldenDir(GetParam());
  const std::vector<GoldenCase> cases_ = ReadGolden(dir_);
};

TEST_P(WhisperReference, StatesAreTheReferencesAndTheSameBitsOnAnyThreads) {
  double worst = 0;
  for (const auto& each : cases_) {
    const Floats states = StatesOf(dir_, each.mel, 2);
    worst = std::max(worst, Share(states, each.states));
    EXPECT_EQ(StatesOf(dir_, each.mel, 1), states);
  }
  EXPECT_LE(worst, kTolerance);
  std::cout << GetParam() << ": states, largest share " << worst << "\n";
}

TEST_P(WhisperReference, LogitsAreTheReferencesAndTheSameBitsInAnyCompanyAndCutting) {
  const auto model = Load(dir_, DecoderDtype::kFloat32, 2);
  const auto alone = LogitsOf(*model, cases_, 64, false);
  double worst = 0;
  for (std::size_t i = 0; i < cases_.size(); ++i) worst = std::max(worst, Share(alone[i], cases_[i].logits));
  EXPECT_LE(worst, kTolerance);
  for (const std::size_t most : {std::size_t{1}, std::size_t{7}, std::size_t{40}}) {
    EXPECT_EQ(LogitsOf(*model, cases_, most, true), alone) << most;
  }
  EXPECT_EQ(LogitsOf(*Load(dir_, DecoderDtype::kFloat32, 1), cases_, 3, true), alone);
  std::cout << GetParam() << ": logits, largest share " << worst << "\n";
}

TEST_P(WhisperReference, ScoresOfTheAlignmentHeadsAreTheReferences) {
  const auto model = Load(dir_, DecoderDtype::kFloat32, 2);
  ASSERT_TRUE(model->AllocateCache(10));
  const std::vector<BlockId> blocks = {3, 1, 9};
  for (const auto& each : cases_) {
    const std::span<const float> mel = each.mel;
    const auto windows = model->Hear({&mel, 1}).value();
    const std::size_t last = each.ids.size() - 1;
    std::span<const float> scores, logits;
    const Status done = model->Align({each.ids, 0, blocks, windows[0].get(), {&last, 1}}, scores, logits);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_LE(Share(Floats(scores.begin(), scores.end()), each.scores), kTolerance);
    const Floats expected(each.logits.end() - static_cast<std::ptrdiff_t>(logits.size()), each.logits.end());
    EXPECT_LE(Share(Floats(logits.begin(), logits.end()), expected), kTolerance);
  }
}

TEST_P(WhisperReference, Bfloat16StaysNear) {
  const auto model = Load(dir_, DecoderDtype::kBfloat16, 2);
  const auto logits = LogitsOf(*model, cases_, 64, true);
  for (std::size_t i = 0; i < cases_.size(); ++i) EXPECT_LE(Share(logits[i], cases_[i].logits), kBfloat16Tolerance);
}

// A fork of a hypothesis: what follows a copied block is what follows the original.
TEST_P(WhisperReference, ACopiedBlockIsAsGoodAsItsOriginal) {
  const auto model = Load(dir_, DecoderDtype::kFloat32, 1);
  const GoldenCase& each = cases_[1];  // 17 tokens
  const std::span<const float> mel = each.mel;
  const auto windows = model->Hear({&mel, 1}).value();
  ASSERT_TRUE(model->AllocateCache(4));
  const std::vector<BlockId> original = {2, 0}, copied = {1, 0};
  const std::span ids(each.ids);
  std::span<const float> logits;
  ASSERT_TRUE(model->Decode(std::vector{Slice{ids.first(10), 0, original, windows[0].get(), {}}}, logits));
  model->CopyBlock(2, 1);
  const std::size_t last = 6;
  ASSERT_TRUE(model->Decode(std::vector{Slice{ids.subspan(10), 10, copied, windows[0].get(), {&last, 1}}}, logits));
  const Floats expected(each.logits.end() - static_cast<std::ptrdiff_t>(logits.size()), each.logits.end());
  EXPECT_LE(Share(Floats(logits.begin(), logits.end()), expected), kTolerance);
}

TEST_P(WhisperReference, MemoryIsForetoldToTheByte) {
  engine::Budget meter;
  const auto config = checkpoint::ReadWhisperConfig(dir_).value();
  const auto files = checkpoint::Checkpoint::Open(dir_).value();
  for (const auto dtype : {DecoderDtype::kAuto, DecoderDtype::kFloat32, DecoderDtype::kBfloat16}) {
    auto model = Load(dir_, dtype, 1, &meter);
    const auto foretold = checkpoint::WeightsOf(config, checkpoint::KeptDtype(dtype, config, files), files);
    EXPECT_EQ(model->weights_mapped(), foretold.mapped);
    EXPECT_EQ(model->weights_owned(), foretold.owned);
    EXPECT_EQ(meter.taken(), foretold.owned.count);
    const std::span<const float> mel = cases_[0].mel;
    auto windows = model->Hear({&mel, 1}).value();
    const auto floats = [](std::int64_t count) { return static_cast<std::uint64_t>(count) * sizeof(float); };
    EXPECT_EQ(meter.taken() - foretold.owned.count,
              floats(checkpoint::EncoderFloats(config)) + floats(checkpoint::WindowFloats(config)));
    ASSERT_TRUE(model->AllocateCache(3));
    const std::uint64_t before = meter.taken();
    const std::vector<BlockId> blocks = {0};
    const std::size_t wanted = 1;
    std::span<const float> logits;
    const std::span ids(cases_[1].ids);
    ASSERT_TRUE(model->Decode(std::vector{Slice{ids.first(9), 0, blocks, windows[0].get(), {&wanted, 1}}}, logits));
    EXPECT_EQ(meter.taken() - before, floats(checkpoint::StepFloats(config, 9) + config.vocab_size));
    windows.clear();
    model.reset();
    EXPECT_EQ(meter.taken(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(All, WhisperReference,
                         testing::Values("whisper", "whisper-distil-f16", "whisper-long-bf16"), [](const auto& each) {
                           std::string name = each.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

// scripts/dev reference --shape makes it; it is too large to be kept.
TEST(WhisperShape, AModelOfTinysShapeIsTheReferencesAloneAndBatched) {
  const char* named = std::getenv("BERTH_WHISPER_SHAPE");
  const std::filesystem::path dir = named != nullptr ? std::filesystem::path(named) : SourceDir() / "build/whisper-shape";
  if (!std::filesystem::exists(dir / "golden.json")) {
    GTEST_SKIP() << "no model at " << dir << "; make it with scripts/dev whisper-shape";
  }
  const auto cases = ReadGolden(dir);
  double worst = 0;
  for (const auto& each : cases) worst = std::max(worst, Share(StatesOf(dir, each.mel, 2), each.states));
  EXPECT_LE(worst, kTolerance);
  std::cout << "whisper-tiny's shape: states, largest share " << worst;
  const auto model = Load(dir, DecoderDtype::kFloat32, 2);
  const auto alone = LogitsOf(*model, cases, 64, false);
  worst = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) worst = std::max(worst, Share(alone[i], cases[i].logits));
  EXPECT_LE(worst, kTolerance);
  EXPECT_EQ(LogitsOf(*model, cases, 1, true), alone);
  std::cout << "; logits " << worst << "\n";
}

TEST(WhisperModel, WhatDoesNotFitTheModelIsRefused) {
  const auto model = Load(GoldenDir("whisper"), DecoderDtype::kAuto, 1);
  const auto cases = ReadGolden(GoldenDir("whisper"));
  const Floats shorter(cases[0].mel.begin() + 1, cases[0].mel.end());
  std::span<const float> mel = shorter;
  EXPECT_NE(model->Hear({&mel, 1}).error().message.find("a window has 8 x 140"), std::string::npos);
  Floats broken = cases[0].mel;
  broken[17] = NAN;
  mel = broken;
  EXPECT_NE(model->Hear({&mel, 1}).error().message.find("not a finite number"), std::string::npos);
  mel = cases[0].mel;
  const auto windows = model->Hear({&mel, 1}).value();
  ASSERT_TRUE(model->AllocateCache(2));
  const std::vector<BlockId> blocks = {0, 1}, outside = {0, 2};
  const Ids ids(5, 1), wrong = {1, 60}, many(33, 1);
  const std::size_t beyond = 5;
  const Window* window = windows[0].get();
  const std::vector<std::pair<Slice, std::string>> bad = {
      {{{}, 0, blocks, window, {}}, "without tokens"},
      {{ids, 0, blocks, nullptr, {}}, "without a window"},
      {{wrong, 0, blocks, window, {}}, "token id 60"},
      {{ids, 36, blocks, window, {}}, "the model has 40"},
      {{many, 0, blocks, window, {}}, "2 blocks for 33 positions"},
      {{ids, 0, outside, window, {}}, "block 2"},
      {{ids, 0, blocks, window, {&beyond, 1}}, "logits of token 5"},
  };
  for (const auto& [slice, expected] : bad) {
    std::span<const float> logits;
    const Status done = model->Decode({&slice, 1}, logits);
    ASSERT_FALSE(done) << expected;
    EXPECT_NE(done.error().message.find(expected), std::string::npos) << done.error().message;
  }
}

}  // namespace
}  // namespace berth::speech
