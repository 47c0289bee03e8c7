#include "supervisor/base/suggest.h"

#include <gtest/gtest.h>

#include <vector>

namespace berth {
namespace {

std::string Of(std::string_view word) {
  static const std::vector<std::string> kKeys{"listen", "memory", "threads", "max", "max_delay"};
  return Nearest(word, kKeys);
}

TEST(Nearest, OneLetterWrongMissingOrTooMany) {
  EXPECT_EQ(Of("liste"), "listen");
  EXPECT_EQ(Of("listenn"), "listen");
  EXPECT_EQ(Of("lissen"), "listen");
  EXPECT_EQ(Of("memroy"), "memory");
}

TEST(Nearest, SwappedNeighboursCountOnce) { EXPECT_EQ(Of("amx"), "max"); }

TEST(Nearest, ExactWordIsItself) { EXPECT_EQ(Of("threads"), "threads"); }

TEST(Nearest, FarWordsHaveNoNeighbour) {
  EXPECT_EQ(Of("replicas"), "");
  EXPECT_EQ(Of("x"), "");
  EXPECT_EQ(Of(""), "");
}

TEST(Nearest, LongCandidateIsFoundFromAThirdOfMistakes) {
  EXPECT_EQ(Of("max-dlay"), "max_delay");
  EXPECT_EQ(Of("min-dela"), "");
}

TEST(Nearest, FirstOfEquallyNearWins) {
  const std::vector<std::string> names{"gpu1", "gpu2"};
  EXPECT_EQ(Nearest("gpu3", names), "gpu1");
}

TEST(Nearest, HugeWordsCostNothing) {
  const std::vector<std::string> names{std::string(8'000'000, 'a'), "aaa"};
  EXPECT_EQ(Nearest(std::string(8'000'000, 'a'), names), "");
  EXPECT_EQ(Nearest("aab", names), "aaa");
}

TEST(Nearest, WithoutCandidatesThereIsNone) { EXPECT_EQ(Nearest("a", {}), ""); }

}  // namespace
}  // namespace berth
