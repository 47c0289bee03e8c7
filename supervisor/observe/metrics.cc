#include "supervisor/observe/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <sstream>
#include <unordered_map>

#include "supervisor/observe/metric_table.h"
#include "supervisor/observe/process_stats.h"

namespace berth::observe {
namespace {

[[noreturn]] void Broken(std::string_view name, const char* what) {
  std::fprintf(stderr, "berthd: metric \"%.*s\": %s\n", static_cast<int>(name.size()), name.data(), what);
  std::abort();
}

bool SameLabels(const MetricRow& row, const Labels& labels) {
  return labels.size() == row.labels.size() && std::ranges::all_of(row.labels, [&labels](std::string_view label) {
           return labels.contains(std::string(label));
         });
}

const MetricRow& RowOf(std::string_view name, MetricType type, const Labels& labels) {
  const MetricRow* row = FindMetric(name);
  if (row == nullptr) Broken(name, "not in the table");
  if (row->type != type) Broken(name, "asked for as another type than the table says");
  if (!SameLabels(*row, labels)) Broken(name, "other labels than the table says");
  return *row;
}

bool ContainsAll(const Labels& all, const Labels& some) {
  return std::ranges::all_of(some, [&all](const auto& label) {
    const auto found = all.find(label.first);
    return found != all.end() && found->second == label.second;
  });
}

void AppendProcessMetric(std::vector<prometheus::MetricFamily>& families, std::string_view name,
                         std::optional<double> value) {
  if (!value) return;
  const MetricRow& row = *FindMetric(name);
  const bool counter = row.type == MetricType::kCounter;
  prometheus::MetricFamily family{FullName(row), std::string(row.help),
                                  counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge, {}};
  prometheus::ClientMetric metric;
  (counter ? metric.counter.value : metric.gauge.value) = *value;
  family.metric.push_back(metric);
  families.push_back(std::move(family));
}

void AppendProcessMetrics(std::vector<prometheus::MetricFamily>& families) {
  const ProcessStats stats = ReadProcessStats();
  AppendProcessMetric(families, "process_cpu_seconds_total", stats.cpu_seconds);
  AppendProcessMetric(families, "process_resident_memory_bytes", stats.resident_bytes);
  AppendProcessMetric(families, "process_virtual_memory_bytes", stats.virtual_bytes);
  AppendProcessMetric(families, "process_open_fds", stats.open_fds);
  AppendProcessMetric(families, "process_max_fds", stats.max_fds);
  AppendProcessMetric(families, "process_start_time_seconds", stats.start_time_seconds);
}

}  // namespace

struct Metrics::Tables {
  // The series of one row. The map beside the family finds a gauge again for removal.
  template <class T>
  struct Series {
    prometheus::Family<T>* family = nullptr;
    std::map<Labels, T*> of;
  };
  template <class T>
  using ByName = std::unordered_map<std::string_view, Series<T>>;

  template <class T, class... Arguments>
  T& Get(ByName<T>& table, const MetricRow& row, const Labels& labels, const Arguments&... arguments) {
    const std::lock_guard lock(mutex);
    T*& series = table[row.name].of[labels];
    if (series == nullptr) series = &table[row.name].family->Add(labels, arguments...);
    return *series;
  }

  std::mutex mutex;  // guards the maps; families and series lock for themselves
  prometheus::Registry registry;
  ByName<prometheus::Counter> counters;
  ByName<prometheus::Gauge> gauges;
  ByName<prometheus::Histogram> histograms;
};

Metrics::Metrics() : tables_(std::make_unique<Tables>()) {
  for (const MetricRow& row : MetricTable()) {
    if (row.standard) continue;
    auto build = [&](auto builder) -> auto& {
      return builder.Name(FullName(row)).Help(std::string(row.help)).Register(tables_->registry);
    };
    switch (row.type) {
      case MetricType::kCounter: tables_->counters[row.name].family = &build(prometheus::BuildCounter()); break;
      case MetricType::kGauge: tables_->gauges[row.name].family = &build(prometheus::BuildGauge()); break;
      case MetricType::kHistogram:
        tables_->histograms[row.name].family = &build(prometheus::BuildHistogram());
        break;
    }
  }
  Gauge("build_info", {{"version", BERTH_VERSION}}).Set(1);
}

Metrics::~Metrics() = default;

prometheus::Counter& Metrics::Counter(std::string_view name, const Labels& labels) {
  return tables_->Get(tables_->counters, RowOf(name, MetricType::kCounter, labels), labels);
}

prometheus::Gauge& Metrics::Gauge(std::string_view name, const Labels& labels) {
  return tables_->Get(tables_->gauges, RowOf(name, MetricType::kGauge, labels), labels);
}

prometheus::Histogram& Metrics::Histogram(std::string_view name, const Labels& labels) {
  const MetricRow& row = RowOf(name, MetricType::kHistogram, labels);
  return tables_->Get(tables_->histograms, row, labels, *row.bounds);
}

void Metrics::AddHistogramDelta(std::string_view name, const Labels& labels, const std::vector<double>& bounds,
                                const std::vector<std::uint64_t>& counts, double sum) {
  const MetricRow* row = FindMetric(name);
  if (row == nullptr || !row->from_worker || row->type != MetricType::kHistogram) return;
  if (bounds != *row->bounds || counts.size() != bounds.size() + 1) return;
  // A negative sum would make a counter fall.
  if (!std::isfinite(sum) || sum < 0) return;
  Histogram(name, labels).ObserveMultiple(std::vector<double>(counts.begin(), counts.end()), sum);
}

void Metrics::RemoveGauges(const Labels& labels) {
  const std::lock_guard lock(tables_->mutex);
  for (auto& [name, series] : tables_->gauges) {
    std::erase_if(series.of, [&](const auto& entry) {
      if (!ContainsAll(entry.first, labels)) return false;
      series.family->Remove(entry.second);
      return true;
    });
  }
}

std::string Metrics::Serialize() const {
  std::vector<prometheus::MetricFamily> families = tables_->registry.Collect();
  std::erase_if(families, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
  AppendProcessMetrics(families);
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

}  // namespace berth::observe
