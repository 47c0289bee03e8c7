#include "supervisor/cli/offline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "supervisor/base/exit_code.h"

namespace berth::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using Json = nlohmann::json;

struct Outcome {
  int code;
  std::string out;
  std::string err;
};

int PlanFile(const std::filesystem::path& plan, bool json) { return PlanCommand(plan, {}, json); }

// A folder with a model directory "bge" and plans.
class Offline : public ::testing::Test {
 protected:
  Offline() {
    std::string pattern = std::filesystem::temp_directory_path() / "berth-offline-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    std::filesystem::create_directory(folder_ / "bge");
    std::ofstream(folder_ / "bge/config.json") << "{}";
  }
  ~Offline() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path Plan(const std::string& models) {
    const std::filesystem::path file = folder_ / "berth.yaml";
    std::ofstream(file) << "version: 1\nserver: { admin: /run/b/admin.sock }\n"
                        << "devices: { cpu: { memory: 4GiB, threads: 2 } }\nmodels:\n"
                        << models;
    return file;
  }

  static Outcome Run(int (*command)(const std::filesystem::path&, bool), const std::filesystem::path& plan,
                     bool json) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = command(plan, json);
    std::fflush(stdout);
    std::string out = ::testing::internal::GetCapturedStdout();
    return {code, std::move(out), ::testing::internal::GetCapturedStderr()};
  }

  std::filesystem::path folder_;
};

constexpr const char* kGood = "  bge: { kind: embedding, source: bge, memory: 1GiB, replicas: 2 }\n";
constexpr const char* kTooMuch = "  bge: { kind: embedding, source: bge, memory: 3GiB, replicas: 2 }\n";
constexpr const char* kNoSource = "  bge: { kind: embedding, source: bgee, memory: 1GiB }\n";
constexpr const char* kMisspelt = "  bge: { kind: embedding, source: bge, memry: 1GiB }\n";

TEST_F(Offline, ValidateOfAGoodPlanSaysSo) {
  const Outcome outcome = Run(Validate, Plan(kGood), false);
  EXPECT_EQ(outcome.code, Code(Exit::kOk));
  EXPECT_THAT(outcome.out, EndsWith("berth.yaml: the plan is good: 1 model, 2 replicas\n"));
  EXPECT_EQ(outcome.err, "");
}

TEST_F(Offline, ValidatePrintsMistakesToStandardError) {
  const Outcome outcome = Run(Validate, Plan(kMisspelt), false);
  EXPECT_EQ(outcome.code, Code(Exit::kBadPlan));
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, HasSubstr("berth.yaml:5:40: unknown key \"memry\" in models.bge; did you mean \"memory\"?\n"));
}

TEST_F(Offline, ValidateLooksAtTheSourcesAndPlanDoesNot) {
  const auto plan = Plan(kNoSource);
  const Outcome validate = Run(Validate, plan, false);
  EXPECT_EQ(validate.code, Code(Exit::kBadPlan));
  EXPECT_THAT(validate.err, HasSubstr("model \"bge\": source "));
  EXPECT_EQ(Run(PlanFile, plan, false).code, Code(Exit::kOk));
}

TEST_F(Offline, RefusedPlacementFailsBoth) {
  const auto plan = Plan(kTooMuch);
  for (const auto command : {Validate, PlanFile}) {
    const Outcome outcome = Run(command, plan, false);
    EXPECT_EQ(outcome.code, Code(Exit::kFailed));
    EXPECT_EQ(outcome.out, "");
    EXPECT_THAT(outcome.err, HasSubstr("berth.yaml: model \"bge\": replica 1 fits nowhere: it needs 3 GiB"));
  }
}

TEST_F(Offline, WithoutMemoryAModelThatCannotBeEstimatedIsAMistake) {
  const auto plan = Plan("  bge: { kind: embedding, source: bge }\n");
  for (const auto command : {Validate, PlanFile}) {
    const Outcome outcome = Run(command, plan, false);
    EXPECT_EQ(outcome.code, Code(Exit::kBadPlan));
    EXPECT_THAT(outcome.err, HasSubstr("berth.yaml: model \"bge\": its memory cannot be estimated: "));
    EXPECT_THAT(outcome.err, EndsWith("; set `memory` of the model\n"));
  }
}

// A real model of a few kilobytes, with the keys given.
std::string Tiny(const std::string& keys) {
  const char* dir = std::getenv("BERTH_SOURCE_DIR");
  const auto source = std::filesystem::absolute(dir != nullptr ? dir : ".") / "tests/golden/encoders/bert-embedding";
  return "  tiny: { kind: embedding, source: " + source.string() + keys + " }\n";
}

TEST_F(Offline, PlanWithoutMemoryReservesTheEstimateAndShowsIt) {
  const auto plan = Plan(Tiny(""));
  const Outcome table = Run(PlanFile, plan, false);
  EXPECT_EQ(table.code, Code(Exit::kOk));
  EXPECT_THAT(table.out, HasSubstr("ESTIMATE  BUDGET\ntiny "));
  EXPECT_THAT(table.out, EndsWith(" (the estimate)\n"));
  EXPECT_EQ(table.err, "");
  const Json json = Json::parse(Run(PlanFile, plan, true).out);
  const Json& estimate = json.at("estimates").at(0);
  EXPECT_EQ(estimate.at("model"), "tiny");
  EXPECT_EQ(estimate.at("memory_estimated"), true);
  EXPECT_EQ(estimate.at("memory_bytes"), json.at("assignments").at(0).at("memory_bytes"));
  EXPECT_GE(estimate.at("memory_bytes").get<std::uint64_t>(), estimate.at("estimate_bytes").get<std::uint64_t>());
}

TEST_F(Offline, ABudgetBelowTheEstimateIsAWarning) {
  const auto plan = Plan(Tiny(", memory: 16MiB"));
  for (const auto command : {Validate, PlanFile}) {
    const Outcome outcome = Run(command, plan, false);
    EXPECT_EQ(outcome.code, Code(Exit::kOk));
    EXPECT_THAT(outcome.err,
                HasSubstr("berth.yaml: warning: model \"tiny\": its memory of 16 MiB is below the estimate of "));
    EXPECT_EQ(Json::parse(Run(command, plan, true).out).at("warnings").size(), 1U);
  }
}

TEST_F(Offline, PlanPrintsTheTables) {
  const Outcome outcome = Run(PlanFile, Plan(kGood), false);
  EXPECT_EQ(outcome.code, Code(Exit::kOk));
  EXPECT_EQ(outcome.out,
            "WAVE  REPLICA  DEVICE  MEMORY  THREADS  START\n"
            "   0  bge/0    cpu      1 GiB        1  boot\n"
            "   0  bge/1    cpu      1 GiB        1  boot\n"
            "\n"
            "DEVICE  RESERVED     OF   FREE  THREADS\n"
            "cpu        2 GiB  4 GiB  2 GiB  2 of 2\n");
}

TEST_F(Offline, PlanForDevicesThatThisMachineDoesNotHave) {
  const auto plan = folder_ / "gpus.yaml";
  std::ofstream(plan) << "version: 1\ndevices: {gpu0: {cuda: 0, reserve: 1GiB}}\nmodels:\n"
                         "  chat: {kind: llm, source: x, memory: 60GiB, replicas: 2, sharing: exclusive}\n";
  EXPECT_THAT(Run(PlanFile, plan, false).err, HasSubstr("gpu0 has a size that is not known here; give it the key memory, or say `berth plan --device gpu0=80GiB`"));
  const auto with_hardware = [](const std::filesystem::path& file, bool json) {
    return PlanCommand(file, {{"gpu0", GiB(80)}, {"h200", GiB(141)}}, json);
  };
  const Outcome outcome = Run(with_hardware, plan, false);
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out, HasSubstr("chat/0   h200    60 GiB"));
  EXPECT_THAT(outcome.out, HasSubstr("chat/1   gpu0    60 GiB"));
  EXPECT_THAT(outcome.out, HasSubstr("gpu0      60 GiB   79 GiB  19 GiB"));
}

TEST_F(Offline, PlanAsJsonHoldsNumbersInBytes) {
  const Outcome outcome = Run(PlanFile, Plan(kGood), true);
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json.at("ok"), true);
  EXPECT_EQ(json.at("assignments").size(), 2U);
  EXPECT_EQ(json.at("assignments").at(1),
            Json::parse(R"({"model": "bge", "replica": 1, "devices": ["cpu"], "memory_bytes": 1073741824,
                            "threads": 1, "wave": 0, "start": "boot"})"));
  EXPECT_EQ(json.at("devices").at(0),
            Json::parse(R"({"name": "cpu", "memory_bytes": 4294967296, "reserved_bytes": 2147483648,
                            "threads": 2})"));
}

TEST_F(Offline, MistakesAsJsonGoToStandardOutput) {
  const Outcome outcome = Run(Validate, Plan(kMisspelt), true);
  EXPECT_EQ(outcome.code, Code(Exit::kBadPlan));
  EXPECT_EQ(outcome.err, "");
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json.at("ok"), false);
  ASSERT_EQ(json.at("mistakes").size(), 1U);
  EXPECT_EQ(json.at("mistakes").at(0).at("line"), 5);
  EXPECT_EQ(json.at("mistakes").at(0).at("column"), 40);
}

TEST_F(Offline, RefusalsAsJsonNameModelAndReplica) {
  const Outcome outcome = Run(PlanFile, Plan(kTooMuch), true);
  EXPECT_EQ(outcome.code, Code(Exit::kFailed));
  const Json json = Json::parse(outcome.out);
  EXPECT_EQ(json.at("refusals").at(0).at("model"), "bge");
  EXPECT_EQ(json.at("refusals").at(0).at("replica"), 1);
}

TEST_F(Offline, JsonSurvivesBytesThatAreNoUtf8) {
  const Outcome outcome = Run(Validate, folder_ / "no\xffsuch.yaml", true);
  EXPECT_EQ(outcome.code, Code(Exit::kBadPlan));
  EXPECT_EQ(Json::parse(outcome.out).at("ok"), false);
}

}  // namespace
}  // namespace berth::cli
