#include "supervisor/admin/render.h"

#include <gtest/gtest.h>

#include "tests/unit/admin/fake_control.h"

namespace berth::admin {
namespace {

TEST(Render, WhatIsUnknownIsNull) {
  const Json json = Render(launch::ReplicaStatus());
  for (const char* key : {"pid", "estimate_bytes", "measured_bytes", "measured_peak_bytes", "weights_bytes",
                          "weights_mapped_bytes", "stage", "fraction", "beat_age_seconds",
                          "last_exit"}) {
    EXPECT_TRUE(json.at(key).is_null()) << key;
  }
  EXPECT_TRUE(Render(launch::ModelStatus()).at("capabilities").is_null());
  EXPECT_TRUE(Render(observe::Event()).at("model").is_null());
}

TEST(Render, ReplicaSaysWhatIsKnown) {
  launch::ReplicaStatus status;
  status.replica = 1;
  status.state = launch::State::kLoading;
  status.pid = 42;
  status.memory = GiB(2);
  status.measured = MiB(3);
  status.estimate = MiB(4);
  status.weights_mapped = MiB(5);
  status.stage = "weights";
  status.fraction = 0.5;
  status.last_exit = launch::ExitStatus{launch::ExitCause::kSignal, 0, 9, "killed", "2026-01-31T12:00:00.000Z"};
  const Json json = Render(status);
  EXPECT_EQ(json.at("state"), "loading");
  EXPECT_EQ(json.at("pid"), 42);
  EXPECT_EQ(json.at("memory_bytes"), 2147483648u);
  EXPECT_EQ(json.at("measured_bytes"), 3145728u);
  EXPECT_EQ(json.at("estimate_bytes"), MiB(4).count);
  EXPECT_EQ(json.at("weights_mapped_bytes"), MiB(5).count);
  EXPECT_EQ(json.at("stage"), "weights");
  EXPECT_EQ(json.at("fraction"), 0.5);
  EXPECT_EQ(json.at("last_exit").at("cause"), "signal");
  EXPECT_EQ(json.at("last_exit").at("signal"), 9);
  EXPECT_TRUE(json.at("last_exit").at("code").is_null());
}

TEST(Render, ModelCountsItsReadyReplicas) {
  const config::Plan plan = TestPlan();
  FakeControl control(plan);
  control.models[0].replicas[1].state = launch::State::kReady;
  EXPECT_EQ(Render(control.models[0]).at("ready_replicas"), 1);
}

TEST(RenderLedger, SumsUpPerDevice) {
  const config::Plan plan = TestPlan();
  placement::Ledger ledger(plan);
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "bge", 0, MiB(64)).has_value());
  ASSERT_TRUE(ledger.Reserve({"cpu"}, "bge", 1, MiB(64)).has_value());
  const Json json = RenderLedger(plan, ledger);
  EXPECT_EQ(json.at("devices").at(0).at("reserved_bytes"), MiB(128).count);
  EXPECT_EQ(json.at("devices").at(0).at("free_bytes"), (GiB(1) - MiB(128)).count);
  EXPECT_EQ(json.at("reservations").size(), 2u);
  EXPECT_EQ(json.at("reservations").at(1).at("replica"), 1);
}

TEST(RenderPlan, SpellsValuesAsPlansDo) {
  config::Plan plan = TestPlan();
  plan.models[0].stop_grace = std::chrono::seconds(20);
  plan.models[0].restart = {std::chrono::seconds(1), std::chrono::minutes(1), 5, std::chrono::minutes(10)};
  const Json json = Render(plan);
  const Json& model = json.at("models").at("bge");
  EXPECT_EQ(model.at("memory"), "64MiB");
  EXPECT_EQ(model.at("stop").at("grace"), FormatDuration(std::chrono::seconds(20)));
  EXPECT_EQ(model.at("restart").at("backoff").size(), 2u);
  EXPECT_EQ(json.at("devices").at("cpu").at("memory"), "1GiB");
}

TEST(Dump, BytesThatAreNoUtf8DoNotEndTheAnswer) {
  launch::LogLine line;
  line.text = "\xff\xfe";
  EXPECT_NE(Dump(Render(line)).find("\xEF\xBF\xBD"), std::string::npos);
}

}  // namespace
}  // namespace berth::admin
