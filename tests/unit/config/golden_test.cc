#include <gtest/gtest.h>

#include "config/keys.h"
#include "tests/unit/config/plans.h"

namespace berth::config {
namespace {

using testing::ExpectGolden;
using testing::FixedHost;
using testing::GoldenPlans;

std::filesystem::path Expected(std::filesystem::path plan) { return plan.replace_extension(".expected"); }

TEST(Golden, BadPlansAreRefusedWithTheExpectedMessages) {
  const auto plans = GoldenPlans("bad");
  ASSERT_GE(plans.size(), 30U);
  for (const auto& plan : plans) {
    SCOPED_TRACE(plan.filename());
    const auto parsed = Parse(testing::ReadFile(plan), plan.filename(), FixedHost());
    const Mistakes* mistakes = std::get_if<Mistakes>(&parsed);
    ASSERT_NE(mistakes, nullptr) << "this plan is good";
    ExpectGolden(Expected(plan), Format(*mistakes));
  }
}

TEST(Golden, GoodPlansMeanWhatIsExpected) {
  const auto plans = GoldenPlans("good");
  ASSERT_GE(plans.size(), 6U);
  for (const auto& plan : plans) {
    SCOPED_TRACE(plan.filename());
    const auto parsed = Parse(testing::ReadFile(plan), std::filesystem::path("/etc/berth") / plan.filename(), FixedHost());
    const Mistakes* mistakes = std::get_if<Mistakes>(&parsed);
    ASSERT_EQ(mistakes, nullptr) << Format(*mistakes);
    ExpectGolden(Expected(plan), testing::Describe(std::get<Plan>(parsed)));
  }
}

TEST(Generated, FilesAreUpToDate) {
  const std::filesystem::path config = testing::SourceDir() / "config";
  ExpectGolden(config / "reference.md", ReferenceMarkdown());
  ExpectGolden(config / "schema.json", JsonSchema());
  ExpectGolden(config / "full.yaml", FullYaml());
}

}  // namespace
}  // namespace berth::config
