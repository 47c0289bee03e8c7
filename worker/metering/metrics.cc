#include "worker/metering/metrics.h"

#include <algorithm>
#include <utility>

namespace berth::engine {
namespace {

// The buckets of the metrics catalogue.
constexpr double kLatency[] = {.0005, .001, .0025, .005, .01, .025, .05, .1,  .25, .5,
                               1,     2.5,  5,     10,   30,  60,   120, 300, 600};
constexpr double kTokens[] = {1,    2,    4,    8,     16,    32,    64,     128,    256,    512,    1024,
                              2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576};
constexpr double kFirstToken[] = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,
                                  .75,  1,    2.5, 5,   7.5, 10,  20,  40, 80,  160};
constexpr double kInterToken[] = {.001, .0025, .005, .0075, .01, .015, .02, .03,
                                  .05,  .075,  .1,   .15,   .25, .5,   1,   2.5};
constexpr double kBatch[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
constexpr double kRatio[] = {.1, .2, .3, .4, .5, .6, .7, .8, .9, 1};

struct Row {
  std::string_view name;
  std::span<const double> bounds;
};

// In the order of the enums.
constexpr std::array<std::string_view, kCounters> kCounterNames = {
    "batches_total",        "prompt_tokens_total",        "cached_prompt_tokens_total", "generated_tokens_total",
    "preemptions_total",    "prefix_cache_queries_total", "prefix_cache_hits_total",    "finish_total/stop",
    "finish_total/length",  "finish_total/cancelled",     "finish_total/over_budget",   "finish_total/failed"};
constexpr std::array<Row, kHistograms> kHistogramRows = {{{"batch_size", kBatch},
                                                          {"batch_tokens", kTokens},
                                                          {"batch_fill_ratio", kRatio},
                                                          {"batch_padding_ratio", kRatio},
                                                          {"request_inference_seconds", kLatency},
                                                          {"request_tokenize_seconds", kLatency},
                                                          {"request_prompt_tokens", kTokens},
                                                          {"request_generated_tokens", kTokens},
                                                          {"step_duration_seconds/prefill", kLatency},
                                                          {"step_duration_seconds/decode", kLatency},
                                                          {"step_duration_seconds/mixed", kLatency},
                                                          {"time_to_first_token_seconds", kFirstToken},
                                                          {"inter_token_seconds", kInterToken}}};

}  // namespace

std::string_view Name(Counter counter) { return kCounterNames[static_cast<std::size_t>(counter)]; }
std::string_view Name(Histogram histogram) {
  return kHistogramRows[static_cast<std::size_t>(histogram)].name;
}
std::span<const double> Bounds(Histogram histogram) {
  return kHistogramRows[static_cast<std::size_t>(histogram)].bounds;
}

void Metrics::Add(Counter counter, double amount) {
  std::lock_guard lock(mutex_);
  pending_.counters[static_cast<std::size_t>(counter)] += amount;
}

void Metrics::Observe(Histogram histogram, double value) {
  const auto bounds = Bounds(histogram);
  const auto bucket = static_cast<std::size_t>(std::ranges::lower_bound(bounds, value) - bounds.begin());
  std::lock_guard lock(mutex_);
  Distribution& distribution = pending_.histograms[static_cast<std::size_t>(histogram)];
  distribution.counts.resize(bounds.size() + 1);
  ++distribution.counts[bucket];
  distribution.sum += value;
}

Metrics::Increments Metrics::Take() {
  std::lock_guard lock(mutex_);
  return std::exchange(pending_, {});
}

void Metrics::Return(const Increments& increments) {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < kCounters; ++i) pending_.counters[i] += increments.counters[i];
  for (std::size_t i = 0; i < kHistograms; ++i) {
    const Distribution& from = increments.histograms[i];
    Distribution& to = pending_.histograms[i];
    to.counts.resize(std::max(to.counts.size(), from.counts.size()));
    for (std::size_t j = 0; j < from.counts.size(); ++j) to.counts[j] += from.counts[j];
    to.sum += from.sum;
  }
}

}  // namespace berth::engine
