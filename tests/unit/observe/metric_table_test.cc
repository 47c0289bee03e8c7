#include "supervisor/observe/metric_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

namespace berth::observe {
namespace {

TEST(MetricTable, RowsFollowTheConventions) {
  for (const MetricRow& row : MetricTable()) {
    SCOPED_TRACE(row.name);
    EXPECT_TRUE(std::regex_match(std::string(row.name), std::regex("[a-z][a-z0-9_]*")));
    EXPECT_EQ(row.type == MetricType::kCounter, row.name.ends_with("_total"));
    EXPECT_TRUE(row.help.ends_with(".")) << "no sentence: " << row.help;
    EXPECT_EQ(row.bounds != nullptr, row.type == MetricType::kHistogram);
    EXPECT_FALSE(row.name.starts_with("berth_")) << "the prefix is added";
    EXPECT_EQ(row.standard, row.name.starts_with("process_"));
  }
}

TEST(MetricTable, LabelsAreBoundedSets) {
  static const std::set<std::string_view> bounded = {
      "model", "replica", "device",  "route", "method", "code",  "code_class", "reason", "kind",
      "task",  "outcome", "phase", "state", "stage",  "result", "cause",      "source", "command",
      "gpu",   "xid",     "type"};
  static const std::set<std::string_view> of_info = {"pid", "build", "version", "uuid", "name", "driver", "mig_profile"};
  for (const MetricRow& row : MetricTable()) {
    for (const std::string_view label : row.labels) {
      EXPECT_TRUE(bounded.contains(label) || (row.name.ends_with("_info") && of_info.contains(label)))
          << row.name << ": label " << label;
    }
  }
}

TEST(MetricTable, WorkersReportIncrementsPerModelAndGaugesPerReplica) {
  for (const MetricRow& row : MetricTable()) {
    if (!row.from_worker) continue;
    std::vector<std::string_view> expected = {"model"};
    if (row.type == MetricType::kGauge) expected.push_back("replica");
    if (!row.worker_values.empty()) expected.push_back(row.labels.back());
    EXPECT_EQ(row.labels, expected) << row.name;
  }
}

TEST(MetricTable, AWorkerNamesASeriesByItsMetricAndTheValueOfItsOwnLabel) {
  ASSERT_TRUE(FindWorkerSeries("batches_total"));
  EXPECT_EQ(FindWorkerSeries("batches_total")->value, "");
  ASSERT_TRUE(FindWorkerSeries("finish_total/stop"));
  EXPECT_EQ(FindWorkerSeries("finish_total/stop")->row->name, "finish_total");
  EXPECT_EQ(FindWorkerSeries("finish_total/stop")->value, "stop");
  for (const char* wrong : {"requests_total", "no_such_metric", "finish_total", "finish_total/", "finish_total/rude",
                            "batches_total/", "batches_total/stop", "/stop", "", "replica_up"}) {
    EXPECT_FALSE(FindWorkerSeries(wrong)) << wrong;
  }
}

TEST(MetricTable, HasEveryNameOnce) {
  std::set<std::string_view> seen;
  for (const MetricRow& row : MetricTable()) EXPECT_TRUE(seen.insert(row.name).second) << row.name;
}

TEST(MetricTable, BoundsAscend) {
  for (const Bounds* bounds :
       {&LatencyBounds(), &FirstTokenBounds(), &InterTokenBounds(), &SizeBounds(), &TokenBounds(), &BatchBounds(), &RatioBounds()}) {
    EXPECT_TRUE(std::ranges::is_sorted(*bounds, std::less_equal<>()));
  }
  EXPECT_EQ(TokenBounds().back(), 1048576);
  EXPECT_EQ(BatchBounds().back(), 512);
  EXPECT_EQ(SizeBounds().back(), 64 << 20);
}

TEST(MetricTable, PrefixesAllButStandardNames) {
  EXPECT_EQ(FullName(*FindMetric("requests_total")), "berth_requests_total");
  EXPECT_EQ(FullName(*FindMetric("process_open_fds")), "process_open_fds");
  EXPECT_EQ(FindMetric("no_such_metric"), nullptr);
}

}  // namespace
}  // namespace berth::observe
