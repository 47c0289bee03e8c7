// The proxy's metrics as one io thread uses them: handles are looked up once and kept, since asking the
// registry costs a lock and a microsecond, and every request counts a dozen things. One per io thread, used
// there only. Labels are indexes of bounded tables: the plan's models and the routes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "config/plan.h"
#include "supervisor/observe/metrics.h"
#include "supervisor/route/router.h"

namespace berth::route {

class Meters {
 public:
  explicit Meters(observe::Metrics& metrics) : metrics_(metrics) {}  // outlives this

  struct HttpSample {
    const Route* route = nullptr;  // nullptr: "_unknown"
    std::string_view method;       // of MethodLabel()
    int status = 0;
    double seconds = 0;
    std::uint64_t request_bytes = 0;
    std::uint64_t response_bytes = 0;
  };
  void Http(const HttpSample& sample);
  void InFlight(const Route* route, int change);
  void Rejected(std::string_view reason);
  void Disconnected(const Route* route, std::string_view phase);
  void SsePing();
  void Connections(std::string_view state, int change);
  void ConnectionAccepted();

  // `model`: nullptr counts as "_unknown".
  void Request(const config::Model* model, std::string_view task, std::string_view outcome, double seconds);
  void Queued(const config::Model* model, double seconds);
  void Running(const config::Model* model, int change);
  void Waiting(const config::Model* model, int change);
  void ModelRejected(const config::Model* model, std::string_view reason);
  void Retry(const config::Model* model, std::string_view reason);
  void UpstreamError(const config::Model* model, std::string_view kind);

 private:
  // Label values are string literals or rows of tables that outlive this: their addresses identify them.
  struct Key {
    const char* family;
    const void* a;
    const void* b;
    const void* c;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  // Handles by key; in front of the map, where it takes a division and a walk to find one, are those used last.
  template <class Metric>
  struct Handles {
    std::unordered_map<Key, Metric*, Hash> all;
    std::array<std::pair<Key, Metric*>, 64> recent{};
  };
  template <class Metric, class Make>
  static Metric& Cached(Handles<Metric>& handles, const Key& key, Make make);

  prometheus::Counter& Counter(const char* name, std::string_view label = {}, std::string_view value = {},
                               std::string_view label2 = {}, std::string_view value2 = {},
                               std::string_view label3 = {}, std::string_view value3 = {});
  prometheus::Gauge& Gauge(const char* name, std::string_view label, std::string_view value);
  prometheus::Histogram& Histogram(const char* name, std::string_view label, std::string_view value,
                                   std::string_view label2 = {}, std::string_view value2 = {});
  static std::string_view Name(const Route* route) { return route ? route->path : kUnknownRoute; }
  static std::string_view Name(const config::Model* model) {
    return model ? std::string_view(model->name) : std::string_view("_unknown");  // no temporary string
  }

  observe::Metrics& metrics_;
  Handles<prometheus::Counter> counters_;
  Handles<prometheus::Gauge> gauges_;
  Handles<prometheus::Histogram> histograms_;
};

}  // namespace berth::route
