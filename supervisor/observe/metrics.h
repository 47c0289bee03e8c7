// Every metric exists once, as a row of the table in metric_table.h: name without the prefix "berth_", type,
// help, label names, buckets. This class makes the time series and writes the text format. Asking for a series
// costs a lookup under a lock: callers on hot paths keep the reference, which stays valid until Remove().
// An unknown name, or labels other than the row's, are broken invariants and abort. Thread-safe.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace berth::observe {

using Labels = std::map<std::string, std::string>;

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  prometheus::Counter& Counter(std::string_view name, const Labels& labels);
  prometheus::Gauge& Gauge(std::string_view name, const Labels& labels);
  prometheus::Histogram& Histogram(std::string_view name, const Labels& labels);

  // A worker's increment of a histogram; dropped when the table does not say that workers report it, or the bounds are
  // not the row's. Workers are untrusted.
  void AddHistogramDelta(std::string_view name, const Labels& labels, const std::vector<double>& bounds,
                         const std::vector<std::uint64_t>& counts, double sum);

  // Removes every gauge whose labels contain all of `labels` (a dead worker's).
  void RemoveGauges(const Labels& labels);

  // Prometheus text format 0.0.4.
  std::string Serialize() const;

 private:
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace berth::observe
