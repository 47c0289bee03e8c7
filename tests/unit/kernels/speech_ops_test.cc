// The operations that speech models need beside those of decoders, beside plain loops in float64 and the definitions.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "tests/unit/kernels/each_isa.h"

namespace berth::kernels::cpu {
namespace {

std::size_t Size(std::int64_t count) { return static_cast<std::size_t>(count); }

TEST_P(EachIsa, LayerNormIsThePublishedOneAlsoWhereTheMeanIsLarge) {
  for (const std::int64_t width : {1, 5, 16, 30, 100, 384}) {
    for (const float shift : {0.0f, 300.0f}) {
      Floats x = RandomFloats(Size(5 * width), 1);
      for (float& value : x) value += shift;
      const Floats weight = RandomFloats(Size(width), 2), bias = RandomFloats(Size(width), 3);
      std::vector<double> expected;
      for (std::int64_t row = 0; row < 5; ++row) {
        const float* values = x.data() + row * width;
        const double mean = std::accumulate(values, values + width, 0.0) / static_cast<double>(width);
        double variance = 0;
        for (std::int64_t i = 0; i < width; ++i) variance += (values[i] - mean) * (values[i] - mean);
        const double scale = 1 / std::sqrt(variance / static_cast<double>(width) + 1e-5);
        for (std::int64_t i = 0; i < width; ++i) {
          expected.push_back((values[i] - mean) * scale * weight[Size(i)] + bias[Size(i)]);
        }
      }
      Floats y(x.size());
      three_->LayerNorm(x.data(), 5, width, weight.data(), bias.data(), 1e-5f, y.data());
      // A mean of 300 takes nine of 24 bits.
      ExpectClose(y, expected, shift == 0 ? 2e-6 : 4e-4, std::to_string(width));
    }
  }
}

TEST_P(EachIsa, GeluIsThatOfTheErrorFunction) {
  Floats x = {-1e30f, -200, -13, -6, -5, -3, -1, -0.5f, -1e-3f, 0, 1e-6f, 0.3f, 1, 2, 5, 6, 13, 200, 1e30f};
  const Floats more = RandomFloats(1000, 3);
  for (const float value : more) x.push_back(4 * value);
  Floats y = x;
  three_->Gelu(y.data(), static_cast<std::int64_t>(y.size()));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = x[i] * 0.5 * std::erfc(-static_cast<double>(x[i]) / std::sqrt(2.0));
    EXPECT_NEAR(y[i], expected, 3e-7 * std::max(1.0, std::abs(expected))) << x[i];
  }
  Floats bad = {std::numeric_limits<float>::quiet_NaN()};
  one_->Gelu(bad.data(), 1);
  EXPECT_TRUE(std::isnan(bad[0]));
}

TEST_P(EachIsa, UnfoldedRowsAreWhatAConvolutionMultiplies) {
  constexpr std::int64_t kFrames = 10, kChannels = 3;
  const Floats x = RandomFloats(kFrames * kChannels, 1);
  const Signal by_frame{x.data(), kFrames, kChannels, kChannels, 1};
  const Signal by_channel{x.data(), kFrames, kChannels, 1, kFrames};
  for (const Signal& signal : {by_frame, by_channel}) {
    for (const std::int64_t step : {1, 2}) {
      const std::int64_t rows = kFrames / step - 2;
      Floats y(Size(rows * kChannels * 3), -9);
      three_->Unfold(signal, step, 2, rows, y.data());
      for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t c = 0; c < kChannels; ++c) {
          for (std::int64_t tap = 0; tap < 3; ++tap) {
            const std::int64_t frame = (2 + row) * step + tap - 1;
            const float expected = frame < kFrames ? x[Size(frame * signal.frame_stride + c * signal.channel_stride)] : 0;
            EXPECT_EQ(y[Size((row * kChannels + c) * 3 + tap)], expected) << row << ", " << c << ", " << tap;
          }
        }
      }
    }
  }
  Floats first(kChannels * 3);
  one_->Unfold(by_frame, 2, 0, 1, first.data());
  EXPECT_EQ(first[0], 0);
  EXPECT_EQ(first[1], x[0]);
}

TEST_P(EachIsa, RowsOfATableAreAdded) {
  const Floats table = RandomFloats(4 * 7, 1);
  Floats x(2 * 7, 1.0f);
  one_->AddRows({table.data(), Element::kFloat32, 4, 7}, std::vector<std::int32_t>{3, 0}, x.data());
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(x[i], 1.0f + table[21 + i]);
    EXPECT_EQ(x[7 + i], 1.0f + table[i]);
  }
}

// Keys, values and queries of some frames and heads.
struct Heard {
  std::int64_t heads, size, frames;
  Floats keys, values, queries, memory;
  FrameCache cache;

  Heard(DecoderOps& ops, std::int64_t of_heads, std::int64_t of_size, std::int64_t of_frames, std::int64_t rows)
      : heads(of_heads), size(of_size), frames(of_frames) {
    const auto make = [this](std::int64_t count, unsigned seed) { return RandomFloats(Size(count * heads * size), seed); };
    keys = make(frames, 1), values = make(frames, 2), queries = make(rows, 3);
    cache = {nullptr, heads, size, frames};
    memory.assign(Size(cache.floats()) + 16, -7);  // what was there before does not matter
    auto at = reinterpret_cast<std::uintptr_t>(memory.data());
    cache.data = reinterpret_cast<float*>((at + 63) / 64 * 64);
    const std::int64_t half = frames / 2;
    ops.StoreFrames(keys.data(), values.data(), 0, half, cache);
    ops.StoreFrames(keys.data() + half * heads * size, values.data() + half * heads * size, half, frames - half, cache);
  }

  double Score(std::int64_t row, std::int64_t head, std::int64_t frame, double scale) const {
    double sum = 0;
    for (std::int64_t i = 0; i < size; ++i) {
      sum += static_cast<double>(queries[Size((row * heads + head) * size + i)]) *
             keys[Size((frame * heads + head) * size + i)];
    }
    return sum * scale;
  }

  std::vector<double> Plain(std::int64_t rows, double scale) const {
    std::vector<double> y(Size(rows * heads * size));
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t head = 0; head < heads; ++head) {
        double sum = 0;
        for (std::int64_t frame = 0; frame < frames; ++frame) {
          const double weight = std::exp(Score(row, head, frame, scale));
          sum += weight;
          for (std::int64_t i = 0; i < size; ++i) {
            y[Size((row * heads + head) * size + i)] += weight * values[Size((frame * heads + head) * size + i)];
          }
        }
        for (std::int64_t i = 0; i < size; ++i) y[Size((row * heads + head) * size + i)] /= sum;
      }
    }
    return y;
  }
};

TEST_P(EachIsa, EveryQuerySeesAllFrames) {
  for (const auto& [size, frames] : {std::pair{64, 150}, {64, 64}, {24, 65}, {5, 3}, {80, 129}, {100, 40}}) {
    const std::int64_t rows = 100;
    Heard heard(*three_, 3, size, frames, rows);
    Floats y(heard.queries.size());
    const FrameSpan span{0, rows, heard.cache};
    for (const float scale : {0.5f, 40.0f}) {
      three_->AttendFrames(heard.queries.data(), {&span, 1}, scale, y.data());
      // Scores of some hundreds take as many of the 24 bits.
      ExpectClose(y, heard.Plain(rows, scale), scale < 1 ? 2e-6 : 1e-4, std::to_string(size) + " x " + std::to_string(frames));
    }
  }
}

TEST_P(EachIsa, AQueryOfFramesHasTheSameBitsAloneAndAmongOthers) {
  const std::int64_t rows = 61, width = 2 * 64;
  Heard heard(*one_, 2, 64, 100, rows), other(*one_, 2, 64, 100, rows);
  Floats all(heard.queries.size()), some(heard.queries.size());
  const FrameSpan whole{0, rows, heard.cache};
  three_->AttendFrames(heard.queries.data(), {&whole, 1}, 0.125f, all.data());
  for (const std::int64_t count : {1, 2, 3, 5, 7, 20}) {
    const std::vector<FrameSpan> spans = {{0, count, heard.cache}, {count, rows - count, other.cache}};
    one_->AttendFrames(heard.queries.data(), spans, 0.125f, some.data());
    ASSERT_TRUE(std::equal(all.begin(), all.begin() + count * width, some.begin())) << count;
  }
}

TEST_P(EachIsa, ScoresOfFramesAreTheProductsBeforeTheSoftmax) {
  Heard heard(*one_, 3, 24, 70, 9);
  Floats y(4 * 70);
  three_->FrameScores(heard.queries.data(), {5, 4, heard.cache}, 2, 0.3f, y.data());
  std::vector<double> expected;
  for (std::int64_t row = 5; row < 9; ++row) {
    for (std::int64_t frame = 0; frame < 70; ++frame) expected.push_back(heard.Score(row, 2, frame, 0.3));
  }
  ExpectClose(y, expected, 2e-6, "scores");
}

}  // namespace
}  // namespace berth::kernels::cpu
