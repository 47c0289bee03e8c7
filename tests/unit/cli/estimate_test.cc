#include "supervisor/cli/estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "supervisor/base/exit_code.h"

namespace berth::cli {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

Outcome Say(const EstimateAsked& asked, bool json) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  const int code = EstimateCommand(asked, json);
  std::fflush(stdout);
  std::string out = ::testing::internal::GetCapturedStdout();
  return {code, std::move(out), ::testing::internal::GetCapturedStderr()};
}

EstimateAsked Tiny() {
  const char* dir = std::getenv("BERTH_SOURCE_DIR");
  return {.source = std::filesystem::path(dir != nullptr ? dir : ".") / "tests/golden/encoders/bert-embedding",
          .max_tokens = {},
          .threads = {}};
}

TEST(EstimateCommand, PrintsThePartsTheirSumAndABudget) {
  const Outcome outcome = Say(Tiny(), false);
  EXPECT_EQ(outcome.code, Code(Exit::kOk));
  for (const char* start : {"weights, in the file ", "activations ", "runtime ", "sum ", "memory "}) {
    EXPECT_THAT(outcome.out, HasSubstr(std::string("\n") + start));
  }
  EXPECT_EQ(outcome.err, "");
}

TEST(EstimateCommand, DefaultsAreThoseOfThePlansKeys) {
  const Json json = Json::parse(Say(Tiny(), true).out);
  EXPECT_EQ(json.at("max_tokens"), 16'384);
  EXPECT_EQ(json.at("threads"), 1);
}

TEST(EstimateCommand, ALanguageModelIsKnownByItsArchitecture) {
  EstimateAsked asked = Tiny();
  EXPECT_EQ(Json::parse(Say(asked, true).out).at("kind"), "embedding");
  asked.source = asked.source / "../../decoders/qwen3";
  const Json json = Json::parse(Say(asked, true).out);
  EXPECT_EQ(json.at("kind"), "llm");
  EXPECT_EQ(json.at("max_tokens"), 512);
  EXPECT_THAT(Say(asked, false).out, HasSubstr("\nKV cache "));
}

TEST(EstimateCommand, AsJsonTheAddingPartsMakeTheEstimate) {
  EstimateAsked asked = Tiny();
  asked.max_tokens = 64;
  asked.threads = 2;
  const Json json = Json::parse(Say(asked, true).out);
  EXPECT_EQ(json.at("max_tokens"), 64);
  EXPECT_EQ(json.at("threads"), 2);
  std::uint64_t sum = 0;
  for (const Json& part : json.at("parts")) {
    if (part.at("adds").get<bool>()) sum += part.at("bytes").get<std::uint64_t>();
  }
  EXPECT_EQ(json.at("estimate_bytes"), sum);
  EXPECT_EQ(json.at("memory_bytes").get<std::uint64_t>() % (16 << 20), 0U);
}

TEST(EstimateCommand, AModelThatCannotBeReadIsAFailureWithItsReason) {
  EstimateAsked asked = Tiny();
  asked.source = "/nowhere/bge";
  const Outcome outcome = Say(asked, true);
  EXPECT_EQ(outcome.code, Code(Exit::kFailed));
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("/nowhere/bge/config.json"));
}

}  // namespace
}  // namespace berth::cli
