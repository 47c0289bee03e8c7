#include "supervisor/observe/metrics.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>

#include "supervisor/observe/metric_table.h"

namespace berth::observe {
namespace {

bool HasLine(const std::string& text, const std::string& line) {
  return text.starts_with(line + "\n") || text.find("\n" + line + "\n") != std::string::npos;
}

// A series of every row, so that the text shows all there is.
void FillAll(Metrics& metrics) {
  for (const MetricRow& row : MetricTable()) {
    if (row.standard) continue;
    Labels labels;
    for (const std::string_view label : row.labels) labels.emplace(label, "x");
    switch (row.type) {
      case MetricType::kCounter: metrics.Counter(row.name, labels).Increment(); break;
      case MetricType::kGauge: metrics.Gauge(row.name, labels).Set(1); break;
      case MetricType::kHistogram: metrics.Histogram(row.name, labels).Observe(0.5); break;
    }
  }
}

TEST(Metrics, AskingTwiceGivesTheSameSeries) {
  Metrics metrics;
  metrics.Counter("http_connections_total", {}).Increment();
  metrics.Counter("http_connections_total", {}).Increment();
  EXPECT_TRUE(HasLine(metrics.Serialize(), "berth_http_connections_total 2"));
}

TEST(Metrics, FamilyWithoutSeriesIsNotExported) {
  Metrics metrics;
  EXPECT_EQ(metrics.Serialize().find("berth_requests_total"), std::string::npos);
  metrics.Counter("requests_total", {{"model", "bge"}, {"task", "embedding"}, {"outcome", "ok"}});
  EXPECT_NE(metrics.Serialize().find("# HELP berth_requests_total"), std::string::npos);
}

TEST(Metrics, EveryRowOfTheTableIsExported) {
  Metrics metrics;
  FillAll(metrics);
  const std::string text = metrics.Serialize();
  for (const MetricRow& row : MetricTable()) {
    EXPECT_NE(text.find("# HELP " + FullName(row) + " " + std::string(row.help)), std::string::npos) << row.name;
  }
}

TEST(Metrics, BuildInfoNamesTheVersion) {
  EXPECT_TRUE(HasLine(Metrics().Serialize(), "berth_build_info{version=\"" BERTH_VERSION "\"} 1"));
}

TEST(Metrics, RemovedGaugesAreGoneAndTheOthersStay) {
  Metrics metrics;
  metrics.Gauge("replica_up", {{"model", "bge"}, {"replica", "0"}}).Set(1);
  metrics.Gauge("replica_up", {{"model", "bge"}, {"replica", "1"}}).Set(1);
  metrics.Counter("replica_starts_total", {{"model", "bge"}, {"replica", "0"}}).Increment();
  metrics.RemoveGauges({{"model", "bge"}, {"replica", "0"}});
  const std::string text = metrics.Serialize();
  EXPECT_FALSE(HasLine(text, "berth_replica_up{model=\"bge\",replica=\"0\"} 1"));
  EXPECT_TRUE(HasLine(text, "berth_replica_up{model=\"bge\",replica=\"1\"} 1"));
  EXPECT_TRUE(HasLine(text, "berth_replica_starts_total{model=\"bge\",replica=\"0\"} 1"));
}

TEST(Metrics, GaugeAskedForAfterItsRemovalIsNew) {
  Metrics metrics;
  metrics.Gauge("model_ready", {{"model", "bge"}}).Set(2);
  metrics.RemoveGauges({{"model", "bge"}});
  metrics.Gauge("model_ready", {{"model", "bge"}}).Increment();
  EXPECT_TRUE(HasLine(metrics.Serialize(), "berth_model_ready{model=\"bge\"} 1"));
}

TEST(Metrics, WorkersHistogramDeltasAddUp) {
  Metrics metrics;
  std::vector<std::uint64_t> counts(BatchBounds().size() + 1);
  counts[0] = 3;      // batches of 1
  counts.back() = 1;  // a batch of more than 512
  metrics.AddHistogramDelta("batch_size", {{"model", "bge"}}, BatchBounds(), counts, 603);
  metrics.AddHistogramDelta("batch_size", {{"model", "bge"}}, BatchBounds(), counts, 603);
  const std::string text = metrics.Serialize();
  EXPECT_TRUE(HasLine(text, "berth_batch_size_bucket{model=\"bge\",le=\"1\"} 6"));
  EXPECT_TRUE(HasLine(text, "berth_batch_size_bucket{model=\"bge\",le=\"512\"} 6"));
  EXPECT_TRUE(HasLine(text, "berth_batch_size_count{model=\"bge\"} 8"));
  EXPECT_TRUE(HasLine(text, "berth_batch_size_sum{model=\"bge\"} 1206"));
}

TEST(Metrics, WorkersNonsenseIsDropped) {
  Metrics metrics;
  const Labels labels = {{"model", "bge"}};
  const std::vector<std::uint64_t> counts(BatchBounds().size() + 1, 1);
  Bounds other_bounds = BatchBounds();
  other_bounds[0] = 0.5;
  metrics.AddHistogramDelta("no_such_metric", labels, BatchBounds(), counts, 1);
  metrics.AddHistogramDelta("request_queue_seconds", labels, LatencyBounds(), counts, 1);  // not a worker's
  metrics.AddHistogramDelta("batches_total", labels, BatchBounds(), counts, 1);            // a counter
  metrics.AddHistogramDelta("batch_size", labels, other_bounds, counts, 1);
  metrics.AddHistogramDelta("batch_size", labels, BatchBounds(), {1, 2}, 1);
  metrics.AddHistogramDelta("batch_size", labels, BatchBounds(), counts, -1);
  metrics.AddHistogramDelta("batch_size", labels, BatchBounds(), counts,
                            std::numeric_limits<double>::quiet_NaN());
  const std::string text = metrics.Serialize();
  EXPECT_EQ(text.find("batch"), std::string::npos) << text;
  EXPECT_EQ(text.find("queue"), std::string::npos) << text;
}

TEST(MetricsDeathTest, UnknownNameWrongTypeAndWrongLabelsAbort) {
  Metrics metrics;
  EXPECT_DEATH(metrics.Counter("no_such_metric", {}), "not in the table");
  EXPECT_DEATH(metrics.Gauge("http_connections_total", {}), "another type");
  EXPECT_DEATH(metrics.Counter("http_connections_total", {{"model", "bge"}}), "other labels");
  EXPECT_DEATH(metrics.Gauge("model_ready", {}), "other labels");
}

TEST(Metrics, PromtoolFindsNothingToSay) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is not installed";
  Metrics metrics;
  FillAll(metrics);
  const std::string input = testing::TempDir() + "/metrics.txt";
  const std::string output = input + ".out";
  std::ofstream(input) << metrics.Serialize();
  const int status = std::system(("promtool check metrics < '" + input + "' > '" + output + "' 2>&1").c_str());
  std::ifstream said(output);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(said), {}), "");
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace berth::observe
