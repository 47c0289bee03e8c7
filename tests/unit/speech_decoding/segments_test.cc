// How a window's tokens are cut, as openai/whisper's transcribe() does it; worked out by hand.
#include "worker/speech/decoding/segments.h"

#include <gtest/gtest.h>

#include "tests/unit/speech_decoding/small_tokens.h"

namespace berth::speech {
namespace {

const SpeechTokens kTokens = SmallTokens();
using Part = Cut::Part;

constexpr std::int64_t kFrames = 20;

void ExpectCut(const std::vector<Token>& ids, CutMode mode, const std::vector<Part>& parts, std::int64_t advance) {
  const Cut cut = CutSegments(kTokens, ids, kFrames, mode);
  ASSERT_EQ(cut.parts.size(), parts.size()) << testing::PrintToString(ids);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(cut.parts[i].begin, parts[i].begin) << i;
    EXPECT_EQ(cut.parts[i].end, parts[i].end) << i;
    EXPECT_NEAR(cut.parts[i].start, parts[i].start, 1e-9) << i;
    EXPECT_NEAR(cut.parts[i].finish, parts[i].finish, 1e-9) << i;
  }
  EXPECT_EQ(cut.advance, advance) << testing::PrintToString(ids);
}

TEST(CutSegments, WithoutAPairTheWindowIsOneSegment) {
  for (const CutMode mode : {CutMode::kSequential, CutMode::kPiece}) {
    ExpectCut({kT0, 1, 2, kT0 + 4}, mode, {{0, 4, 0, 0.08}}, kFrames);
    ExpectCut({kT0, 1, 2}, mode, {{0, 3, 0, 0.2}}, kFrames);       // a timestamp of 0 says nothing
    ExpectCut({1, 2}, mode, {{0, 2, 0, 0.2}}, kFrames);            // without timestamps
    ExpectCut({kT0 + 2, 1}, mode, {{0, 2, 0, 0.04}}, kFrames);     // as in the original
    ExpectCut({}, mode, {}, kFrames);
  }
}

TEST(CutSegments, PairsEndSegmentsAndTheRestIsHeardAgain) {
  // <0.00> 1 2 <0.06> <0.06> 3 <0.12> <0.12> 4
  const std::vector<Token> ids = {kT0, 1, 2, kT0 + 3, kT0 + 3, 3, kT0 + 6, kT0 + 6, 4};
  ExpectCut(ids, CutMode::kSequential, {{0, 4, 0, 0.06}, {4, 7, 0.06, 0.12}}, 12);
  ExpectCut(ids, CutMode::kPiece, {{0, 4, 0, 0.06}, {4, 7, 0.06, 0.12}, {7, 9, 0.12, 0.2}}, kFrames);
}

TEST(CutSegments, ASingleTimestampAtTheEndEndsTheWindow) {
  const std::vector<Token> ids = {kT0, 1, kT0 + 3, kT0 + 4, 3, kT0 + 6};
  for (const CutMode mode : {CutMode::kSequential, CutMode::kPiece}) {
    ExpectCut(ids, mode, {{0, 3, 0, 0.06}, {3, 6, 0.08, 0.12}}, kFrames);
  }
  EXPECT_TRUE(CutSegments(kTokens, ids, kFrames, CutMode::kSequential).ends_with_one_timestamp);
}

TEST(CutSegments, NoTimeOfAPieceIsBeyondItsEnd) {
  // <0.00> 1 <0.22> <0.24> 2, of 200 ms.
  const std::vector<Token> ids = {kT0, 1, kT0 + 11, kT0 + 12, 2};
  ExpectCut(ids, CutMode::kPiece, {{0, 3, 0, 0.2}, {3, 5, 0.2, 0.2}}, kFrames);
  ExpectCut(ids, CutMode::kSequential, {{0, 3, 0, 0.22}}, 22);
}

TEST(CutSegments, APairAtTheEndGoesOnFromThere) {
  const std::vector<Token> ids = {kT0, 1, kT0 + 3, kT0 + 5};
  ExpectCut(ids, CutMode::kSequential, {{0, 3, 0, 0.06}}, 6);
  EXPECT_FALSE(CutSegments(kTokens, ids, kFrames, CutMode::kSequential).ends_with_one_timestamp);
}

}  // namespace
}  // namespace berth::speech
