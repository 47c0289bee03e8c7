#include "supervisor/admin/options.h"

#include <gtest/gtest.h>

namespace berth::admin {
namespace {

using Words = std::vector<std::string>;

TEST(ParseOptions, PlanWorkerAndCheckInAnyOrder) {
  for (const Words& words : {Words{"a.yaml", "--worker", "/w", "--check"}, Words{"--check", "--worker=/w", "a.yaml"}}) {
    const auto options = ParseOptions(words);
    ASSERT_TRUE(options.has_value());
    EXPECT_EQ(options->plan, "a.yaml");
    EXPECT_EQ(options->worker, "/w");
    EXPECT_TRUE(options->check);
  }
}

TEST(ParseOptions, TheLibraryOfGpusIsTheSystemsUnlessGiven) {
  EXPECT_EQ(ParseOptions(Words{"a.yaml"})->nvml, "");
  EXPECT_EQ(ParseOptions(Words{"a.yaml", "--nvml", "/n"})->nvml, "/n");
  EXPECT_EQ(ParseOptions(Words{"--nvml=/n", "a.yaml"})->nvml, "/n");
  EXPECT_FALSE(ParseOptions(Words{"a.yaml", "--nvml"}));
}

TEST(ParseOptions, HelpAndVersionNeedNoPlan) {
  EXPECT_TRUE(ParseOptions(Words{"--help"})->help);
  EXPECT_TRUE(ParseOptions(Words{"-h"})->help);
  EXPECT_TRUE(ParseOptions(Words{"--version"})->version);
}

TEST(ParseOptions, MistakesAreNamed) {
  EXPECT_NE(ParseOptions(Words{}).error().message.find("needs a plan"), std::string::npos);
  EXPECT_NE(ParseOptions(Words{"a", "b"}).error().message.find("a and b"), std::string::npos);
  EXPECT_NE(ParseOptions(Words{"--frob"}).error().message.find("--frob"), std::string::npos);
  EXPECT_NE(ParseOptions(Words{"a", "--worker"}).error().message.find("--worker needs"), std::string::npos);
}

}  // namespace
}  // namespace berth::admin
