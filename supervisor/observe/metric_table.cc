#include "supervisor/observe/metric_table.h"

#include <algorithm>

namespace berth::observe {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr auto kHistogram = MetricType::kHistogram;
constexpr bool kFromWorker = true;

Bounds Powers(double first, double factor, int count) {
  Bounds bounds;
  for (double bound = first; count > 0; --count, bound *= factor) bounds.push_back(bound);
  return bounds;
}

MetricRow Counter(std::string_view name, std::vector<std::string_view> labels, std::string_view help,
                  bool from_worker = false) {
  return {name, kCounter, help, std::move(labels), nullptr, from_worker};
}

MetricRow Gauge(std::string_view name, std::vector<std::string_view> labels, std::string_view help) {
  return {name, kGauge, help, std::move(labels)};
}

MetricRow Histogram(std::string_view name, std::vector<std::string_view> labels, const Bounds& bounds,
                    std::string_view help, bool from_worker = false) {
  return {name, kHistogram, help, std::move(labels), &bounds, from_worker};
}

// What a worker may say that the last label is.
MetricRow Of(std::vector<std::string_view> values, MetricRow row) {
  row.worker_values = std::move(values);
  return row;
}

MetricRow WorkersGauge(std::string_view name, std::vector<std::string_view> labels, std::string_view help) {
  return {name, kGauge, help, std::move(labels), nullptr, kFromWorker};
}

MetricRow Process(std::string_view name, MetricType type, std::string_view help) {
  return {name, type, help, {}, nullptr, false, true};
}

// clang-format off
// HTTP, as clients of the API see it.
std::vector<MetricRow> HttpRows() {
  return {
      Counter("http_requests_total", {"route", "method", "code"}, "HTTP requests answered, by route, method and status code."),
      Histogram("http_request_duration_seconds", {"route", "code_class"}, LatencyBounds(), "Time from the first byte of a request to the last byte of its answer."),
      Gauge("http_requests_in_flight", {"route"}, "HTTP requests that have not been answered yet."),
      Histogram("http_request_body_bytes", {"route"}, SizeBounds(), "Size of request bodies."),
      Histogram("http_response_body_bytes", {"route"}, SizeBounds(), "Size of response bodies."),
      Gauge("http_connections", {"state"}, "Open client connections: active ones have a request, idle ones have none."),
      Counter("http_connections_total", {}, "Client connections accepted."),
      Counter("http_rejected_total", {"reason"}, "Requests refused before they were routed to a model."),
      Counter("http_client_disconnects_total", {"route", "phase"}, "Clients that left before their answer was complete, by what the request was doing."),
      Counter("sse_keepalives_total", {}, "Comment pings sent on event streams whose worker was silent."),
      Counter("upstream_retries_total", {"model", "reason"}, "Requests offered to another replica because the first had not begun them."),
      Counter("upstream_errors_total", {"model", "kind"}, "Failures of a connection to a worker, by kind."),
  };
}

// Requests to models.
std::vector<MetricRow> RequestRows() {
  return {
      Counter("requests_total", {"model", "task", "outcome"}, "Requests to models that reached their end, by outcome."),
      Histogram("request_duration_seconds", {"model", "task"}, LatencyBounds(), "Time from the arrival of a request to the end of its answer."),
      Histogram("request_queue_seconds", {"model"}, LatencyBounds(), "Time a request waited for a replica."),
      Histogram("request_inference_seconds", {"model"}, LatencyBounds(), "Time a worker spent on a request, from its first work to its result.", kFromWorker),
      Histogram("request_tokenize_seconds", {"model"}, LatencyBounds(), "Time a worker spent on tokenizing a request.", kFromWorker),
      Gauge("requests_running", {"model"}, "Requests that are with a replica now."),
      Gauge("requests_waiting", {"model"}, "Requests that wait for a replica now."),
      Counter("requests_rejected_total", {"model", "reason"}, "Requests refused after they were routed to a model, by reason."),
      Counter("prompt_tokens_total", {"model"}, "Tokens of inputs.", kFromWorker),
      Counter("cached_prompt_tokens_total", {"model"}, "Tokens of inputs that were found in the prefix cache.", kFromWorker),
      Counter("generated_tokens_total", {"model"}, "Tokens generated.", kFromWorker),
      Histogram("request_prompt_tokens", {"model"}, TokenBounds(), "Tokens of the inputs of one request.", kFromWorker),
      Histogram("request_generated_tokens", {"model"}, TokenBounds(), "Tokens generated for one request.", kFromWorker),
      Of({"stop", "length", "cancelled", "over_budget", "failed"}, Counter("finish_total", {"model", "reason"}, "Answers that were begun and ended, by reason.", kFromWorker)),
  };
}

// Batching, as workers report it.
std::vector<MetricRow> BatchRows() {
  return {
      Histogram("batch_size", {"model"}, BatchBounds(), "Sequences in one batch.", kFromWorker),
      Histogram("batch_tokens", {"model"}, TokenBounds(), "Tokens in one batch, padding included.", kFromWorker),
      Histogram("batch_fill_ratio", {"model"}, RatioBounds(), "Tokens in one batch, padding included, over the most that a batch may have.", kFromWorker),
      Histogram("batch_padding_ratio", {"model"}, RatioBounds(), "Padding in one batch over all its tokens.", kFromWorker),
      Counter("batches_total", {"model"}, "Batches computed.", kFromWorker),
      Of({"prefill", "decode", "mixed"}, Histogram("step_duration_seconds", {"model", "phase"}, LatencyBounds(), "Time of one step of a language model, by what it computed.", kFromWorker)),
  };
}

// Language models, as workers report them.
std::vector<MetricRow> GenerationRows() {
  return {
      Histogram("time_to_first_token_seconds", {"model"}, FirstTokenBounds(), "Time from the arrival of a request at a worker to its first token.", kFromWorker),
      Histogram("inter_token_seconds", {"model"}, InterTokenBounds(), "Time between two tokens of one answer.", kFromWorker),
      Of({"used", "cached", "free"}, WorkersGauge("kv_blocks", {"model", "replica", "state"}, "Blocks of a replica's KV cache: used by running requests, kept for requests that begin alike, or free.")),
      WorkersGauge("kv_usage_ratio", {"model", "replica"}, "Share of a replica's KV cache that running requests use."),
      Counter("prefix_cache_queries_total", {"model"}, "Tokens looked up in the prefix cache.", kFromWorker),
      Counter("prefix_cache_hits_total", {"model"}, "Tokens found in the prefix cache.", kFromWorker),
      Counter("preemptions_total", {"model"}, "Times a running answer gave its KV blocks back and was computed again.", kFromWorker),
  };
}

// Lifecycle.
std::vector<MetricRow> LifecycleRows() {
  return {
      Gauge("model_state", {"model", "state"}, "1 for the state that a model is in, 0 for the others."),
      Gauge("model_ready", {"model"}, "Replicas of a model that take requests."),
      Histogram("model_load_seconds", {"model", "stage"}, LatencyBounds(), "Time a replica spent in one stage of its load."),
      Counter("model_loads_total", {"model", "result"}, "Loads of replicas that came to their end, by result."),
      Counter("model_evictions_total", {"model", "reason"},
              "Replicas that stopped without anybody's word: another model needs the place (pressure), or nobody has asked (ttl)."),
      Gauge("replica_up", {"model", "replica"}, "1 while a replica takes requests, 0 while it does not."),
      Counter("replica_starts_total", {"model", "replica"}, "Worker processes started."),
      Counter("replica_exits_total", {"model", "cause"}, "Worker processes that ended, by cause."),
      Gauge("replica_restart_backoff_seconds", {"model", "replica"}, "The delay that a failed replica waits before its next start."),
      Gauge("replica_quarantined", {"model"}, "Replicas that failed too often and wait for an operator."),
      Gauge("replica_last_step_age_seconds", {"model", "replica"}, "Time since a replica last made progress."),
      Counter("replica_steps_total", {"model", "replica"}, "Units of work done by a replica."),
      Gauge("replica_heartbeat_age_seconds", {"model", "replica"}, "Time since a worker last reported."),
      Gauge("replica_rss_bytes", {"model", "replica"}, "Private memory of a worker process."),
      Counter("replica_cpu_seconds_total", {"model", "replica"}, "CPU time of a replica's worker processes."),
      Gauge("replica_open_fds", {"model", "replica"}, "Open file descriptors of a worker process."),
      Gauge("replica_info", {"model", "replica", "pid", "build"}, "1 for each worker process, with its pid and build."),
  };
}

// The ledger.
std::vector<MetricRow> LedgerRows() {
  return {
      Gauge("device_memory_total_bytes", {"device"}, "Memory of a device that replicas may reserve."),
      Gauge("device_memory_reserved_bytes", {"device", "model"}, "Memory of a device that the replicas of a model have reserved, with the mapped weights of which it was the first user."),
      Gauge("device_memory_estimated_bytes", {"device", "model"}, "Memory of a device that the running replicas of a model were expected to need."),
      Gauge("device_memory_peak_bytes", {"device", "model", "replica"}, "The most memory of a device that a replica has used since it started."),
      Gauge("device_memory_used_bytes", {"device", "model", "replica", "source"}, "Memory of a device that a replica uses, by who measured it."),
      Gauge("device_memory_unaccounted_bytes", {"device"}, "Memory of a GPU that is used and not by replicas."),
      Gauge("device_memory_headroom_bytes", {"device"}, "Memory of a device that is not reserved."),
  };
}

// GPUs and MIG instances, as NVML reads them.
std::vector<MetricRow> GpuRows() {
  return {
      Gauge("gpu_utilization_ratio", {"gpu"}, "Share of the last sampling period in which a GPU computed."),
      Gauge("gpu_memory_copy_utilization_ratio", {"gpu"}, "Share of the last sampling period in which a GPU's memory was read or written."),
      Gauge("gpu_power_watts", {"gpu"}, "Power that a GPU draws."),
      Gauge("gpu_power_limit_watts", {"gpu"}, "Power that a GPU may draw."),
      Counter("gpu_energy_joules_total", {"gpu"}, "Energy that a GPU has drawn since its driver was loaded."),
      Gauge("gpu_temperature_celsius", {"gpu"}, "Temperature of a GPU."),
      Gauge("gpu_memory_temperature_celsius", {"gpu"}, "Temperature of a GPU's memory."),
      Gauge("gpu_sm_clock_hertz", {"gpu"}, "Clock of a GPU's multiprocessors."),
      Counter("gpu_throttle_seconds_total", {"gpu", "reason"}, "Time in which a GPU's clocks were held down, by reason."),
      Counter("gpu_xid_errors_total", {"gpu", "xid"}, "Errors of a GPU that its driver reported, by number."),
      Counter("gpu_ecc_errors_total", {"gpu", "type"}, "Memory errors of a GPU since its driver was loaded, corrected or not."),
      Gauge("gpu_remapped_rows", {"gpu"}, "Rows of a GPU's memory that were faulty and are replaced."),
      Gauge("gpu_info", {"gpu", "uuid", "name", "driver", "mig_profile"}, "1 for each GPU and MIG instance that can be used."),
      Gauge("nvml_up", {}, "1 while NVML gives readings of the GPUs, 0 while it does not."),
      Gauge("nvml_scrape_duration_seconds", {}, "Time that the last reading of all GPUs took."),
  };
}

// The daemon.
std::vector<MetricRow> DaemonRows() {
  return {
      Gauge("build_info", {"version"}, "1, with the version of the daemon."),
      Counter("admin_commands_total", {"command", "result"}, "Commands that changed something, given over the admin socket."),
      Histogram("event_loop_lag_seconds", {}, LatencyBounds(), "How late the control loop runs what is due."),
      Counter("log_dropped_lines_total", {"model"}, "Lines of workers' output dropped because they came too fast."),
      Process("process_cpu_seconds_total", kCounter, "Total user and system CPU time spent in seconds."),
      Process("process_resident_memory_bytes", kGauge, "Resident memory size in bytes."),
      Process("process_virtual_memory_bytes", kGauge, "Virtual memory size in bytes."),
      Process("process_open_fds", kGauge, "Number of open file descriptors."),
      Process("process_max_fds", kGauge, "Maximum number of open file descriptors."),
      Process("process_start_time_seconds", kGauge, "Start time of the process since unix epoch in seconds."),
  };
}
// clang-format on

const std::vector<MetricRow>& Rows() {
  static const std::vector<MetricRow> rows = [] {
    std::vector<MetricRow> all;
    for (const auto& part : {HttpRows(), RequestRows(), BatchRows(), GenerationRows(), LifecycleRows(), LedgerRows(), GpuRows(), DaemonRows()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return rows;
}

}  // namespace

std::span<const MetricRow> MetricTable() { return Rows(); }

const MetricRow* FindMetric(std::string_view name) {
  const auto found = std::ranges::find(Rows(), name, &MetricRow::name);
  return found == Rows().end() ? nullptr : &*found;
}

std::optional<WorkerSeries> FindWorkerSeries(std::string_view name) {
  const std::size_t slash = name.find('/');
  const MetricRow* row = FindMetric(name.substr(0, slash));
  if (row == nullptr || !row->from_worker) return {};
  const std::string_view value = slash == std::string_view::npos ? "" : name.substr(slash + 1);
  const auto& values = row->worker_values;
  const bool allowed = values.empty() ? slash == std::string_view::npos : std::ranges::find(values, value) != values.end();
  if (!allowed) return {};
  return WorkerSeries{row, value};
}

std::string FullName(const MetricRow& row) {
  return (row.standard ? "" : "berth_") + std::string(row.name);
}

const Bounds& LatencyBounds() {
  static const Bounds bounds = {.0005, .001, .0025, .005, .01, .025, .05, .1,  .25, .5,
                                1,     2.5,  5,     10,   30,  60,   120, 300, 600};
  return bounds;
}

const Bounds& FirstTokenBounds() {
  static const Bounds bounds = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160};
  return bounds;
}

const Bounds& InterTokenBounds() {
  static const Bounds bounds = {.001, .0025, .005, .0075, .01, .015, .02, .03, .05, .075, .1, .15, .25, .5, 1, 2.5};
  return bounds;
}

const Bounds& SizeBounds() {
  static const Bounds bounds = Powers(64, 4, 11);
  return bounds;
}

const Bounds& TokenBounds() {
  static const Bounds bounds = Powers(1, 2, 21);
  return bounds;
}

const Bounds& BatchBounds() {
  static const Bounds bounds = Powers(1, 2, 10);
  return bounds;
}

const Bounds& RatioBounds() {
  static const Bounds bounds = {.1, .2, .3, .4, .5, .6, .7, .8, .9, 1};
  return bounds;
}

}  // namespace berth::observe
