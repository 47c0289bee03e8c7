// Words and when they were said.
#include "worker/speech/decoding/words.h"

#include <gtest/gtest.h>

#include "tests/unit/speech_decoding/small_tokens.h"

namespace berth::speech {
namespace {

TEST(AlignRows, FollowsThePathOfLeastCost) {
  // Rows want frames 0-1, 2, 3-5.
  const std::vector<float> cost = {-1, -1, 1, 1, 1, 1,  //
                                   1,  1,  -1, 1, 1, 1,  //
                                   1,  1,  1, -1, -1, -1};
  EXPECT_EQ(AlignRows(cost, 3, 6), (std::vector<std::int64_t>{0, 2, 3}));
}

TEST(AlignRows, MoreRowsThanFramesShareFrames) {
  const std::vector<float> cost = {-1, 1, -1, 1, 1, -1};
  EXPECT_EQ(AlignRows(cost, 3, 2), (std::vector<std::int64_t>{0, 0, 1}));
}

TEST(MedianFilter, IsReflectedAtTheEnds) {
  std::vector<float> x = {5, 1, 2, 9, 3, /* second row */ 0, 0, 8, 0, 0};
  MedianFilter(x, 5, 3);
  EXPECT_EQ(x, (std::vector<float>{1, 2, 2, 3, 9, 0, 0, 0, 0, 0}));
  std::vector<float> few = {3, 1, 2};
  MedianFilter(few, 3, 7);
  EXPECT_EQ(few, (std::vector<float>{3, 1, 2})) << "too short";
}

TEST(AttentionMatrix, IsTheMeanOfNormalisedSoftmaxes) {
  // One head, two rows, three positions of which two count: the softmaxes are (3/4, 1/4) and (1/4, 3/4).
  const float three = std::log(3.0f);
  const std::vector<float> scores = {three, 0, 99, 0, three, 99};
  const auto matrix = AttentionMatrix(scores, 1, 2, 3, 2, 1);
  ASSERT_EQ(matrix.size(), 4u);
  const float expected[] = {1, -1, -1, 1};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(matrix[i], expected[i], 1e-6) << i;
}

TEST(TimeWords, AWordLastsFromItsFirstTokenToTheNextWords) {
  const std::vector<WordTokens> words = {{" a", {1}}, {" bc", {2, 3}}};
  const std::vector<std::int64_t> starts = {5, 10, 20, 40};
  const std::vector<float> probabilities = {0.5f, 0.2f, 0.4f};
  const auto timed = TimeWords(words, starts, probabilities);
  ASSERT_EQ(timed.size(), 2u);
  EXPECT_NEAR(timed[0].start, 0.1, 1e-9);
  EXPECT_NEAR(timed[0].end, 0.2, 1e-9);
  EXPECT_NEAR(timed[1].end, 0.8, 1e-9);
  EXPECT_NEAR(timed[1].probability, 0.3, 1e-6);
}

Segment SegmentOf(std::vector<Token> tokens, double start, double end) {
  Segment segment;
  segment.tokens = std::move(tokens);
  segment.start = start;
  segment.end = end;
  return segment;
}

TEST(PlaceWords, MarksJoinTheirWordsAndSegmentsTakeTheirWordsTimes) {
  std::vector<TimedWord> words = {{" \"", {1}, 0.1, 0.1, 0.5}, {"Ask", {2}, 0.1, 0.4, 0.9}, {",", {3}, 0.4, 0.4, 0.8},
                                  {" not", {4}, 0.5, 0.8, 0.7}, {".", {5}, 0.8, 0.9, 0.6}};
  std::vector<Segment> segments = {SegmentOf({kT0, 1, 2, 3, kT0 + 4}, 10, 10.5), SegmentOf({kT0 + 5, 4, 5}, 10.5, 11)};
  double last = 0;
  PlaceWords(SmallTokens(), words, 10, segments, last);
  ASSERT_EQ(segments[0].words.size(), 1u);
  EXPECT_EQ(segments[0].words[0].text, " \"Ask,");
  EXPECT_NEAR(segments[0].words[0].start, 10.1, 1e-9);
  EXPECT_NEAR(segments[0].words[0].end, 10.4, 1e-9);
  EXPECT_NEAR(segments[0].end, 10.4, 1e-9);
  ASSERT_EQ(segments[1].words.size(), 1u);
  EXPECT_EQ(segments[1].words[0].text, " not.");
  EXPECT_NEAR(segments[1].start, 10.5, 1e-9);
  EXPECT_NEAR(last, segments[1].end, 1e-9);
}

TEST(PlaceWords, AWordThatLastsThroughAPauseIsShortened) {
  // The median is 0.2; behind the sentence's end a word of 2 s.
  std::vector<TimedWord> words = {{" a", {1}, 0, 0.2, 1}, {" b", {2}, 0.2, 0.4, 1}, {".", {3}, 0.4, 0.4, 1},
                                  {" c", {4}, 0.4, 2.4, 1}, {" d", {5}, 2.4, 2.6, 1}};
  std::vector<Segment> segments = {SegmentOf({1, 2, 3, 4, 5}, 0, 3)};
  double last = 0;
  PlaceWords(SmallTokens(), words, 0, segments, last);
  ASSERT_EQ(segments[0].words.size(), 4u);
  EXPECT_NEAR(segments[0].words[2].start, 2.0, 1e-9) << "at most twice the median";
}

}  // namespace
}  // namespace berth::speech
