#include "supervisor/route/meters.h"

#include <array>
#include <string>

namespace berth::route {
namespace {

// Codes as text that lives for ever, since addresses identify label values.
std::string_view CodeText(int status) {
  static const auto* texts = [] {
    auto* made = new std::array<std::string, 600>;
    for (std::size_t i = 0; i < made->size(); ++i) (*made)[i] = std::to_string(i);
    return made;
  }();
  return status >= 100 && status < 600 ? std::string_view((*texts)[static_cast<std::size_t>(status)]) : "other";
}

std::string_view CodeClass(int status) {
  static constexpr std::string_view kClasses[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
  return kClasses[status >= 100 && status < 600 ? status / 100 : 0];
}

observe::Labels MakeLabels(std::initializer_list<std::pair<std::string_view, std::string_view>> pairs) {
  observe::Labels labels;
  for (const auto& [name, value] : pairs) {
    if (!name.empty()) labels.emplace(name, value);
  }
  return labels;
}

}  // namespace

std::size_t Meters::Hash::operator()(const Key& key) const {
  std::size_t hash = 0;
  for (const void* part : {static_cast<const void*>(key.family), key.a, key.b, key.c}) {
    hash = hash * 0x9E3779B97F4A7C15ULL + reinterpret_cast<std::size_t>(part);
  }
  return hash ^ (hash >> 29);
}

template <class Metric, class Make>
Metric& Meters::Cached(Handles<Metric>& handles, const Key& key, Make make) {
  auto& [recent_key, recent] = handles.recent[Hash()(key) % handles.recent.size()];
  if (recent && recent_key == key) return *recent;
  Metric*& handle = handles.all[key];
  if (!handle) handle = &make();
  recent_key = key;
  recent = handle;
  return *handle;
}

prometheus::Counter& Meters::Counter(const char* name, std::string_view label, std::string_view value,
                                     std::string_view label2, std::string_view value2, std::string_view label3,
                                     std::string_view value3) {
  return Cached(counters_, {name, value.data(), value2.data(), value3.data()}, [&]() -> prometheus::Counter& {
    return metrics_.Counter(name, MakeLabels({{label, value}, {label2, value2}, {label3, value3}}));
  });
}

prometheus::Gauge& Meters::Gauge(const char* name, std::string_view label, std::string_view value) {
  return Cached(gauges_, {name, value.data(), nullptr, nullptr}, [&]() -> prometheus::Gauge& {
    return metrics_.Gauge(name, MakeLabels({{label, value}}));
  });
}

prometheus::Histogram& Meters::Histogram(const char* name, std::string_view label, std::string_view value,
                                         std::string_view label2, std::string_view value2) {
  return Cached(histograms_, {name, value.data(), value2.data(), nullptr}, [&]() -> prometheus::Histogram& {
    return metrics_.Histogram(name, MakeLabels({{label, value}, {label2, value2}}));
  });
}

void Meters::Http(const HttpSample& sample) {
  const std::string_view route = Name(sample.route);
  Counter("http_requests_total", "route", route, "method", sample.method, "code", CodeText(sample.status)).Increment();
  Histogram("http_request_duration_seconds", "route", route, "code_class", CodeClass(sample.status))
      .Observe(sample.seconds);
  Histogram("http_request_body_bytes", "route", route).Observe(static_cast<double>(sample.request_bytes));
  Histogram("http_response_body_bytes", "route", route).Observe(static_cast<double>(sample.response_bytes));
}

void Meters::InFlight(const Route* route, int change) {
  Gauge("http_requests_in_flight", "route", Name(route)).Increment(change);
}

void Meters::Rejected(std::string_view reason) { Counter("http_rejected_total", "reason", reason).Increment(); }

void Meters::Disconnected(const Route* route, std::string_view phase) {
  Counter("http_client_disconnects_total", "route", Name(route), "phase", phase).Increment();
}

void Meters::SsePing() { Counter("sse_keepalives_total").Increment(); }

void Meters::Connections(std::string_view state, int change) {
  Gauge("http_connections", "state", state).Increment(change);
}

void Meters::ConnectionAccepted() { Counter("http_connections_total").Increment(); }

void Meters::Request(const config::Model* model, std::string_view task, std::string_view outcome, double seconds) {
  Counter("requests_total", "model", Name(model), "task", task, "outcome", outcome).Increment();
  Histogram("request_duration_seconds", "model", Name(model), "task", task).Observe(seconds);
}

void Meters::Queued(const config::Model* model, double seconds) {
  Histogram("request_queue_seconds", "model", Name(model)).Observe(seconds);
}

void Meters::Running(const config::Model* model, int change) {
  Gauge("requests_running", "model", Name(model)).Increment(change);
}

void Meters::Waiting(const config::Model* model, int change) {
  Gauge("requests_waiting", "model", Name(model)).Increment(change);
}

void Meters::ModelRejected(const config::Model* model, std::string_view reason) {
  Counter("requests_rejected_total", "model", Name(model), "reason", reason).Increment();
}

void Meters::Retry(const config::Model* model, std::string_view reason) {
  Counter("upstream_retries_total", "model", Name(model), "reason", reason).Increment();
}

void Meters::UpstreamError(const config::Model* model, std::string_view kind) {
  Counter("upstream_errors_total", "model", Name(model), "kind", kind).Increment();
}

}  // namespace berth::route
