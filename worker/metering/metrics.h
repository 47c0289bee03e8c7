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

enum class Counter {
  kBatches,
  kPromptTokens,
  kCachedPromptTokens,
  kGeneratedTokens,
  kPreemptions,
  kPrefixQueries,  // tokens that were looked up in the prefix cache
  kPrefixHits,     // tokens that were found there
  kFinishStop,
  kFinishLength,
  kFinishCancelled,
  kFinishOverBudget,
  kFinishFailed,
};
enum class Histogram {
  kBatchSize,
  kBatchTokens,
  kBatchFill,
  kBatchPadding,
  kInferenceSeconds,
  kTokenizeSeconds,
  kPromptTokens,
  kGeneratedTokens,
  kPrefillStepSeconds,  // steps of prompts alone,
  kDecodeStepSeconds,   // of decoding alone,
  kMixedStepSeconds,    // and of both
  kFirstTokenSeconds,
  kInterTokenSeconds,
};
inline constexpr std::size_t kCounters = 12;
inline constexpr std::size_t kHistograms = 13;

// "batches_total": the catalogue's, without prefix; with the value of its second label where it has one,
// "finish_total/stop".
std::string_view Name(Counter counter);
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
