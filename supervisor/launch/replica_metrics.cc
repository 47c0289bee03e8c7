#include "supervisor/launch/replica_metrics.h"

#include <cmath>
#include <optional>

namespace berth::launch {
namespace {

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Nothing: it is not for workers to report, or is of another type.
std::optional<observe::WorkerSeries> Find(const std::string& name, observe::MetricType type) {
  const auto series = observe::FindWorkerSeries(name);
  if (!series || series->row->type != type) return {};
  return series;
}

// Stages are the worker's words; only the catalogue's become labels.
bool IsStage(const std::string& stage) { return stage == "spawn" || stage == "weights" || stage == "warmup"; }

}  // namespace

ReplicaMetrics::ReplicaMetrics(observe::Metrics& metrics, std::string model, int replica,
                               const std::vector<std::string>& devices)
    : metrics_(metrics),
      model_(std::move(model)),
      replica_(std::to_string(replica)),
      device_(devices.size() == 1 ? devices.front() : "") {
  Up(false);
}

void ReplicaMetrics::Started() {
  steps_ = 0;
  cpu_seconds_ = 0;
  metrics_.Counter("replica_starts_total", Own()).Increment();
  metrics_.Gauge("replica_restart_backoff_seconds", Own()).Set(0);
}

void ReplicaMetrics::Hello(pid_t pid, const std::string& build) {
  observe::Labels labels = Own();
  labels["pid"] = std::to_string(pid);
  labels["build"] = build;
  metrics_.Gauge("replica_info", labels).Set(1);
}

void ReplicaMetrics::LoadStage(const std::string& stage, Duration took) {
  if (!IsStage(stage)) return;
  metrics_.Histogram("model_load_seconds", {{"model", model_}, {"stage", stage}}).Observe(Seconds(took));
}

void ReplicaMetrics::LoadEnded(bool ready) {
  metrics_.Counter("model_loads_total", {{"model", model_}, {"result", ready ? "ready" : "failed"}}).Increment();
}

void ReplicaMetrics::Up(bool up) { metrics_.Gauge("replica_up", Own()).Set(up ? 1 : 0); }

void ReplicaMetrics::Beat(const protocol::BeatMessage& beat) {
  if (beat.steps > steps_) {
    metrics_.Counter("replica_steps_total", Own()).Increment(static_cast<double>(beat.steps - steps_));
    steps_ = beat.steps;
  }
  for (const auto& [name, increment] : beat.counters) {
    const auto series = Find(name, observe::MetricType::kCounter);
    if (!series || !std::isfinite(increment) || increment <= 0) continue;
    metrics_.Counter(series->row->name, LabelsOf(*series)).Increment(increment);
  }
  for (const auto& [name, delta] : beat.histograms) {
    const auto series = Find(name, observe::MetricType::kHistogram);
    if (!series) continue;
    metrics_.AddHistogramDelta(series->row->name, LabelsOf(*series), delta.bounds, delta.counts, delta.sum);
  }
  for (const auto& [name, value] : beat.gauges) {
    const auto series = Find(name, observe::MetricType::kGauge);
    if (series && std::isfinite(value)) metrics_.Gauge(series->row->name, LabelsOf(*series)).Set(value);
  }
  if (device_.empty()) return;
  observe::Labels used = Own();
  used["device"] = device_;
  if (beat.memory.private_peak > 0) {
    metrics_.Gauge("device_memory_peak_bytes", used).Set(static_cast<double>(beat.memory.private_peak));
  }
  used["source"] = "allocator";
  metrics_.Gauge("device_memory_used_bytes", used).Set(static_cast<double>(beat.memory.rss_anon));
}

observe::Labels ReplicaMetrics::LabelsOf(const observe::WorkerSeries& series) const {
  observe::Labels labels = {{"model", model_}};
  if (series.row->type == observe::MetricType::kGauge) labels["replica"] = replica_;
  if (!series.value.empty()) labels[std::string(series.row->labels.back())] = series.value;
  return labels;
}

void ReplicaMetrics::Look(const Vitals& vitals, TimePoint now, const WorkerStats& stats) {
  metrics_.Gauge("replica_last_step_age_seconds", Own()).Set(Seconds(vitals.StepAge(now)));
  if (const auto age = vitals.BeatAge(now)) metrics_.Gauge("replica_heartbeat_age_seconds", Own()).Set(Seconds(*age));
  metrics_.Gauge("replica_rss_bytes", Own()).Set(static_cast<double>(stats.private_memory.count));
  metrics_.Gauge("replica_open_fds", Own()).Set(stats.open_fds);
  if (stats.cpu_seconds > cpu_seconds_) {
    metrics_.Counter("replica_cpu_seconds_total", Own()).Increment(stats.cpu_seconds - cpu_seconds_);
    cpu_seconds_ = stats.cpu_seconds;
  }
}

void ReplicaMetrics::Exited(ExitCause cause) {
  metrics_.RemoveGauges(Own());
  Up(false);
  metrics_.Counter("replica_exits_total", {{"model", model_}, {"cause", std::string(Name(cause))}}).Increment();
}

void ReplicaMetrics::Evicted(std::string_view reason) {
  metrics_.Counter("model_evictions_total", {{"model", model_}, {"reason", std::string(reason)}}).Increment();
}

void ReplicaMetrics::Backoff(Duration delay) {
  metrics_.Gauge("replica_restart_backoff_seconds", Own()).Set(Seconds(delay));
}

}  // namespace berth::launch
