// What a worker counts between two beats: increments of the catalogue's counters and histograms, added from
// any thread and taken by the thread that sends beats. Labels are the supervisor's business. Torch-free.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace berth::engine {

enum class Counter { kBatches, kPromptTokens };
enum class Histogram {
  kBatchSize,
  kBatchTokens,
  kBatchFill,
  kBatchPadding,
  kInferenceSeconds,
  kTokenizeSeconds,
  kPromptTokens,
};
inline constexpr std::size_t kCounters = 2;
inline constexpr std::size_t kHistograms = 7;

std::string_view Name(Counter counter);  // "batches_total": the catalogue's, without prefix
std::string_view Name(Histogram histogram);
std::span<const double> Bounds(Histogram histogram);  // upper bounds, ascending, without +Inf

class Metrics {
 public:
  struct Distribution {
    std::vector<std::uint64_t> counts;  // one per bound and one for +Inf; empty: nothing observed
    double sum = 0;
  };
  struct Increments {
    std::array<double, kCounters> counters{};
    std::array<Distribution, kHistograms> histograms;
  };

  void Add(Counter counter, double amount);
  void Observe(Histogram histogram, double value);

  // What was added since the last Take().
  Increments Take();
  // Puts back what could not be sent.
  void Return(const Increments& increments);

 private:
  std::mutex mutex_;
  Increments pending_;  // guarded by mutex_
};

}  // namespace berth::engine
