// The one table of metrics: everything that /metrics can show is a row here, and nothing else is ever exported.
// A name, once shipped, stays. Labels are bounded sets (models and devices of the plan, replica slots, routes,
// words of an enum): never a pid, a path or anything that a client chooses, except in *_info. The rows appear
// in the reference in this order.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth::observe {

enum class MetricType { kCounter, kGauge, kHistogram };

// Upper bounds of a histogram, ascending, without +Inf.
using Bounds = std::vector<double>;

struct MetricRow {
  std::string_view name;                  // without the prefix "berth_"
  MetricType type = MetricType::kCounter;
  std::string_view help;
  std::vector<std::string_view> labels = {};
  const Bounds* bounds = nullptr;         // of a histogram
  // A worker may report it: increments of counters and histograms, which have the label `model`, and gauges, which have
  // `model` and `replica`, all of which the supervisor adds; and one more, where `worker_values` are what a worker may
  // say that it is.
  bool from_worker = false;
  bool standard = false;                  // a name of the whole Prometheus world (process_…): no prefix
  std::vector<std::string_view> worker_values = {};
};

std::span<const MetricRow> MetricTable();
// nullptr: no such metric.
const MetricRow* FindMetric(std::string_view name);
// A series as workers name it: "batches_total"; "finish_total/stop", with the value of the row's last label. Nothing:
// there is none, or it is not for workers to report.
struct WorkerSeries {
  const MetricRow* row = nullptr;
  std::string_view value;
};
std::optional<WorkerSeries> FindWorkerSeries(std::string_view name);
// As exported: "berth_requests_total", "process_open_fds".
std::string FullName(const MetricRow& row);

// The buckets of the catalogue.
const Bounds& LatencyBounds();  // seconds: HTTP, queue, inference, load
const Bounds& FirstTokenBounds();  // seconds: from a request's arrival to its first token
const Bounds& InterTokenBounds();  // seconds: between two tokens
const Bounds& SizeBounds();     // bytes of a body: powers of 4 from 64 B to 64 MiB
const Bounds& TokenBounds();    // powers of 2 from 1 to 1,048,576
const Bounds& BatchBounds();    // powers of 2 from 1 to 512
const Bounds& RatioBounds();    // tenths

}  // namespace berth::observe
