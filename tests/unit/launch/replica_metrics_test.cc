#include "supervisor/launch/replica_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::launch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReplicaMetricsTest : public testing::Test {
 protected:
  observe::Metrics metrics;
  ReplicaMetrics replica{metrics, "chat", 1, std::vector<std::string>{"cpu"}};
};

TEST_F(ReplicaMetricsTest, ABeatsSeriesAreCountedUnderTheirLabels) {
  protocol::BeatMessage beat;
  beat.counters = {{"generated_tokens_total", 5}, {"finish_total/stop", 2}, {"finish_total/length", 1}};
  beat.gauges = {{"kv_blocks/used", 17}, {"kv_usage_ratio", 0.25}};
  const auto& bounds = observe::LatencyBounds();
  std::vector<std::uint64_t> counts(bounds.size() + 1);
  counts[0] = 3;
  beat.histograms["step_duration_seconds/decode"] = {bounds, counts, 0.001};
  replica.Beat(beat);
  replica.Beat(beat);
  const std::string text = metrics.Serialize();
  EXPECT_THAT(text, HasSubstr("berth_generated_tokens_total{model=\"chat\"} 10"));
  EXPECT_THAT(text, HasSubstr("berth_finish_total{model=\"chat\",reason=\"stop\"} 4"));
  EXPECT_THAT(text, HasSubstr("berth_finish_total{model=\"chat\",reason=\"length\"} 2"));
  EXPECT_THAT(text, HasSubstr("berth_kv_blocks{model=\"chat\",replica=\"1\",state=\"used\"} 17"));
  EXPECT_THAT(text, HasSubstr("berth_kv_usage_ratio{model=\"chat\",replica=\"1\"} 0.25"));
  EXPECT_THAT(text, HasSubstr("berth_step_duration_seconds_count{model=\"chat\",phase=\"decode\"} 6"));
}

TEST_F(ReplicaMetricsTest, WhatIsNotForAWorkerToSayIsDropped) {
  protocol::BeatMessage beat;
  beat.counters = {{"finish_total/rude", 1}, {"finish_total", 1}, {"kv_usage_ratio", 1}, {"requests_total", 1}};
  beat.gauges = {{"kv_blocks/lost", 1}, {"replica_quarantined", 1}, {"generated_tokens_total", 1}};
  beat.histograms["finish_total/stop"] = {observe::LatencyBounds(), std::vector<std::uint64_t>(20), 1};
  replica.Beat(beat);
  const std::string text = metrics.Serialize();
  for (const char* name : {"finish_total", "kv_", "requests_total", "quarantined", "generated"}) {
    EXPECT_THAT(text, Not(HasSubstr(name)));
  }
}

TEST_F(ReplicaMetricsTest, AWorkersGaugesGoWithIt) {
  protocol::BeatMessage beat;
  beat.gauges = {{"kv_blocks/used", 17}};
  replica.Beat(beat);
  replica.Exited(ExitCause::kExit);
  EXPECT_THAT(metrics.Serialize(), Not(HasSubstr("kv_blocks")));
}

}  // namespace
}  // namespace berth::launch
