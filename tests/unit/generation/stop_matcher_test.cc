#include "worker/generation/stop_matcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace berth::engine {
namespace {

struct Stops : StopPatterns, StopMatcher {
  Stops(const std::vector<std::string>& stops, bool include_stop)
      : StopPatterns(stops), StopMatcher(static_cast<const StopPatterns&>(*this), include_stop) {}
};

TEST(StopMatcher, WithholdsWhatMayBeginAStopStringAndNoMore) {
  Stops stops({"\n\nUser:"}, false);
  EXPECT_EQ(stops.Push("Hello\n"), "Hello");
  EXPECT_EQ(stops.Push("\nUs"), "");
  EXPECT_EQ(stops.Push("e it"), "\n\nUse it");
  EXPECT_EQ(stops.Push("\n\n\nUser: and more"), "\n");
  EXPECT_TRUE(stops.stopped());
  EXPECT_EQ(stops.Push("more"), "");
}

TEST(StopMatcher, WhatWasWithheldIsTextWhenTheTextEnds) {
  Stops stops({"END"}, false);
  EXPECT_EQ(stops.Push("the EN"), "the ");
  EXPECT_EQ(stops.Finish(), "EN");
  EXPECT_FALSE(stops.stopped());
}

TEST(StopMatcher, AStopStringIsPartOfTheTextWhenAsked) {
  Stops stops({"."}, true);
  EXPECT_EQ(stops.Push("One. Two."), "One.");
  EXPECT_TRUE(stops.stopped());
}

TEST(StopMatcher, TheFirstThatIsCompleteCountsAndOfThoseTheLongest) {
  Stops first({"cd", "bcde"}, false);
  EXPECT_EQ(first.Push("abcde"), "ab") << "\"cd\" is complete before \"bcde\"";
  Stops longest({"c", "bc", "abd"}, false);
  EXPECT_EQ(longest.Push("abc"), "a");
}

TEST(StopMatcher, FallsBackToAShorterBeginning) {
  Stops stops({"aab"}, false);
  EXPECT_EQ(stops.Push("aaa"), "a");
  EXPECT_EQ(stops.Push("b"), "");
  EXPECT_TRUE(stops.stopped());
}

TEST(StopMatcher, WithholdsWholeCharacters) {
  Stops stops({"é!"}, false);
  EXPECT_EQ(stops.Push("caf"), "caf");
  EXPECT_EQ(stops.Push("é"), "");
  EXPECT_EQ(stops.Push("?"), "é?");
}

TEST(StopMatcher, WithoutStopStringsNothingIsWithheld) {
  Stops none({}, false);
  EXPECT_EQ(none.Push("text"), "text");
  Stops empty({""}, false);
  EXPECT_EQ(empty.Push("text"), "text");
  EXPECT_FALSE(empty.stopped());
}

// The definition, on the whole text: where the first occurrence that is complete ends, and the earliest that ends there.
std::string CutByDefinition(const std::string& text, const std::vector<std::string>& stops) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::size_t length = 0;
    for (const auto& stop : stops) {
      if (std::string_view(text).substr(0, end).ends_with(stop)) length = std::max(length, stop.size());
    }
    if (length > 0) return text.substr(0, end - length);
  }
  return text;
}

TEST(StopMatcher, AnyPiecesOfATextGiveWhatTheDefinitionGives) {
  std::mt19937 random(5);
  const auto word = [&](std::size_t most) {
    std::string text(1 + random() % most, 'a');
    for (char& c : text) c = static_cast<char>('a' + random() % 3);
    return text;
  };
  for (int round = 0; round < 5000; ++round) {
    const std::vector<std::string> stops = {word(4), word(6), word(8)};
    const std::string text = word(60);
    Stops matcher(stops, false);
    std::string got;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = 1 + random() % 5;
      got += matcher.Push(std::string_view(text).substr(at, size));
      at += size;
    }
    got += matcher.Finish();
    ASSERT_EQ(got, CutByDefinition(text, stops)) << text << " with " << stops[0] << " " << stops[1] << " " << stops[2];
  }
}

}  // namespace
}  // namespace berth::engine
