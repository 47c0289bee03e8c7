// Which tokens are left: each rule of openai/whisper's filters alone, by tables of what was sampled so far.
#include "worker/speech/decoding/logit_filter.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/speech_decoding/small_tokens.h"

namespace berth::speech {
namespace {

const SpeechTokens kTokens = SmallTokens();

std::vector<Token> Allowed(const std::vector<Token>& sampled, std::vector<float> logits, bool timestamps = true,
                           std::int64_t max_initial = 3) {
  FilterLogits({&kTokens, timestamps, max_initial}, sampled, logits);
  std::vector<Token> allowed;
  for (Token id = 0; id < kVocab; ++id) {
    if (logits[static_cast<std::size_t>(id)] != kNever) allowed.push_back(id);
  }
  return allowed;
}

// Text so probable that the sum of timestamps never wins.
std::vector<float> TextWins() {
  std::map<Token, float> text;
  for (Token id = 0; id <= kEnd; ++id) text[id] = 20;
  return Logits(text);
}

std::vector<Token> Timestamps(Token from, Token to) {
  std::vector<Token> ids;
  for (Token id = kT0 + from; id <= kT0 + to; ++id) ids.push_back(id);
  return ids;
}

std::vector<Token> Join(std::vector<Token> a, const std::vector<Token>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const std::vector<Token> kText = {0, 1, 2, 3, 4, 5, 6, 7, 8};
const std::vector<Token> kLanguages = {kEnglish, kGerman, 18};  // nothing forbids them, as in the original

TEST(LogitFilter, WithoutTimestampsItIsTextAndTheEnd) {
  EXPECT_EQ(Allowed({1}, Logits({}), false), Join(Join(kText, {kEnd}), Join(kLanguages, {kNoTimestamps})));
  // At the first place neither the blank nor the end.
  EXPECT_EQ(Allowed({}, Logits({}), false), Join({1, 2, 3, 4, 5, 6, 7, 8}, Join(kLanguages, {kNoTimestamps})));
}

TEST(LogitFilter, TheFirstTokenIsAnEarlyTimestamp) {
  EXPECT_EQ(Allowed({}, TextWins()), Timestamps(0, 3));
  EXPECT_EQ(Allowed({}, TextWins(), true, 0), Timestamps(0, 0));
  EXPECT_EQ(Allowed({}, TextWins(), true, 100), Timestamps(0, 10)) << "not beyond the window";
}

TEST(LogitFilter, TimestampsComeInPairsAndNeverGoBack) {
  const auto rest = Join(Join(kText, {kEnd}), kLanguages);
  struct Case {
    std::vector<Token> sampled, allowed;
  };
  const std::vector<Case> cases = {
      // After the first timestamp text must follow.
      {{kT0 + 2}, rest},
      // In text anything goes, but no timestamp that ends a segment of no length.
      {{kT0 + 2, 1}, Join(rest, Timestamps(3, 10))},
      // A segment that has ended: the end, or the next one's beginning, which may be the same.
      {{kT0 + 2, 1, kT0 + 5}, Join(Join({kEnd}, kLanguages), Timestamps(5, 10))},
      {{kT0 + 2, 1, kT0 + 5, kT0 + 5}, rest},
      {{kT0 + 2, 1, kT0 + 5, kT0 + 6, 2}, Join(rest, Timestamps(7, 10))},
      {{kT0 + 2, 1, kT0 + 10, kT0 + 10, 2}, rest},
  };
  for (const auto& [sampled, allowed] : cases) {
    EXPECT_EQ(Allowed(sampled, TextWins()), allowed) << testing::PrintToString(sampled);
  }
}

TEST(LogitFilter, TimestampsThatAreTogetherMoreProbableThanTheBestTextWin) {
  // Ten timestamps (1 … 10) of logit 0 are ln 10 = 2.303 together.
  EXPECT_EQ(Allowed({kT0, 1}, Logits({{3, 2.31f}}))[0], 0) << "text is as good";
  EXPECT_EQ(Allowed({kT0, 1}, Logits({{3, 2.29f}})), Timestamps(1, 10));
  EXPECT_EQ(Allowed({kT0, 1}, Logits({{9, 50}})), Timestamps(1, 10)) << "what is suppressed does not count";
}

TEST(LogitFilter, TheEndCountsAsTextAndMayWin) {
  const auto allowed = Allowed({kT0, 1, kT0 + 4}, Logits({{kEnd, 3}}));
  EXPECT_EQ(allowed.front(), kEnd);
}

}  // namespace
}  // namespace berth::speech
