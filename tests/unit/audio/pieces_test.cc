#include "worker/audio/pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/audio/audio_files.h"

namespace berth::audio {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kSecond = 16'000;
constexpr std::size_t kHalfMinute = 30 * kSecond;

// Levels from runs of hops.
std::vector<float> Levels(const std::vector<std::pair<std::size_t, float>>& runs) {
  std::vector<float> levels;
  for (const auto& [hops, level] : runs) levels.insert(levels.end(), hops, level);
  return levels;
}

Piece Hops(std::size_t begin, std::size_t end) { return {begin * kHopSamples, end * kHopSamples}; }

std::vector<Piece> SegmentsOf(const std::vector<float>& levels, std::chrono::milliseconds padding) {
  SegmentRules rules;
  rules.padding = padding;
  return Segments(levels, levels.size() * kHopSamples, rules);
}

TEST(Segments, BeginAtTheUpperAndEndBelowTheLowerThreshold) {
  const auto levels = Levels({{10, 0.4f}, {20, 0.6f}, {10, 0.4f}, {10, 0.6f}, {20, 0.2f}, {10, 0.45f}});
  EXPECT_THAT(SegmentsOf(levels, std::chrono::milliseconds(0)), ElementsAre(Hops(10, 50)));
}

TEST(Segments, AShortPauseIsInsideAndAShortSoundIsNone) {
  // 160 ms are five hops, 250 ms eight.
  EXPECT_THAT(SegmentsOf(Levels({{20, 1}, {4, 0}, {20, 1}, {5, 0}, {20, 1}}), std::chrono::milliseconds(0)),
              ElementsAre(Hops(0, 44), Hops(49, 69)));
  EXPECT_THAT(SegmentsOf(Levels({{20, 0}, {7, 1}, {20, 0}, {8, 1}, {3, 0}}), std::chrono::milliseconds(0)),
              ElementsAre(Hops(47, 55)));
}

TEST(Segments, PaddingMeetsInTheMiddleAndStaysInside) {
  const auto segments = SegmentsOf(Levels({{1, 0}, {20, 1}, {10, 0}, {20, 1}, {1, 0}}), std::chrono::milliseconds(400));
  EXPECT_THAT(segments, ElementsAre(Hops(0, 26), Hops(26, 52)));
}

TEST(Segments, NothingToHearIsNone) {
  EXPECT_THAT(Segments({}, 0, {}), IsEmpty());
  const std::vector<std::int16_t> silence(3 * 3600 * 100, 3);
  EXPECT_THAT(Segments(Loudness(silence), silence.size(), kAudible), IsEmpty());
}

TEST(Segments, QuietSpeechIsAudibleAndThePartOfAHopAtTheEndToo) {
  auto samples = Tone(300, kSecond + 100, 60);
  const auto segments = Segments(Loudness(samples), samples.size(), kAudible);
  EXPECT_THAT(segments, ElementsAre(Piece{0, kSecond + 100}));
}

TEST(Cut, WhatFitsIsOnePiece) {
  EXPECT_THAT(Cut(std::vector{Piece{0, kHalfMinute}}, {}, kHalfMinute), ElementsAre(Piece{0, kHalfMinute}));
  EXPECT_THAT(Cut({}, {}, kHalfMinute), IsEmpty());
}

TEST(Cut, NeighboursThatFitTogetherAreOnePiece) {
  const std::vector<Piece> segments{{0, 10 * kSecond}, {12 * kSecond, 20 * kSecond}, {29 * kSecond, 31 * kSecond}};
  EXPECT_THAT(Cut(segments, {}, kHalfMinute), ElementsAre(Piece{0, 20 * kSecond}, Piece{29 * kSecond, 31 * kSecond}));
}

TEST(Cut, ALongSegmentIsCutAtItsPause) {
  // 70 s with pauses of half a second at 25 s and 52 s, and one at 10 s where no cut need be.
  std::vector<float> levels(70 * kSecond / kHopSamples + 1, 0.1f);
  for (const std::size_t second : {10u, 25u, 52u}) {
    for (std::size_t i = 0; i < 16; ++i) levels[second * kSecond / kHopSamples + i] = 0.001f;
  }
  const auto pieces = Cut(std::vector{Piece{0, 70 * kSecond}}, levels, kHalfMinute);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_NEAR(static_cast<double>(pieces[0].end) / kSecond, 25.3, 0.2);
  EXPECT_NEAR(static_cast<double>(pieces[1].end) / kSecond, 52.3, 0.2);
  EXPECT_EQ(pieces[2].end, 70 * kSecond);
}

TEST(Cut, WithoutAPauseItIsCutWhereTheWindowEnds) {
  const std::vector<float> levels(100 * kSecond / kHopSamples + 1, 0.1f);
  const auto pieces = Cut(std::vector{Piece{0, 100 * kSecond}}, levels, kHalfMinute);
  ASSERT_EQ(pieces.size(), 4u);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_GT(pieces[i].size(), kHalfMinute - kHopSamples);
}

// Whatever the levels: in order, none longer than the window, and of each segment nothing is lost.
TEST(Cut, HoldsItsPromisesForAnyLevels) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::size_t samples = 1 + random() % (200 * kSecond);
    const std::size_t most = kSecond + random() % kHalfMinute;
    std::vector<float> levels(samples / kHopSamples + 1);
    float level = 0.5f;
    for (float& x : levels) {
      if (random() % 20 == 0) level = static_cast<float>(random() % 1000) / 1000;
      x = level;
    }
    const auto segments = Segments(levels, samples, {});
    const auto pieces = Cut(segments, levels, most);
    std::size_t end = 0, covered = 0;
    for (const Piece& piece : pieces) {
      ASSERT_GE(piece.begin, end);
      ASSERT_GT(piece.end, piece.begin);
      ASSERT_LE(piece.size(), most);
      end = piece.end;
    }
    ASSERT_LE(end, samples);
    for (const Piece& segment : segments) {
      for (const Piece& piece : pieces) {
        const std::size_t from = std::max(segment.begin, piece.begin), to = std::min(segment.end, piece.end);
        if (from < to) covered += to - from;
      }
      covered -= segment.size();
    }
    ASSERT_EQ(covered, 0u) << round;
  }
}

}  // namespace
}  // namespace berth::audio
