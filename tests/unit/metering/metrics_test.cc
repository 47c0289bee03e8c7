#include "worker/metering/metrics.h"

#include <gtest/gtest.h>

namespace berth::engine {
namespace {

const Metrics::Distribution& Of(const Metrics::Increments& increments, Histogram histogram) {
  return increments.histograms[static_cast<std::size_t>(histogram)];
}

TEST(Metrics, AnObservationFallsIntoTheFirstBucketThatHoldsIt) {
  Metrics metrics;
  metrics.Observe(Histogram::kBatchSize, 1);    // le 1
  metrics.Observe(Histogram::kBatchSize, 3);    // le 4
  metrics.Observe(Histogram::kBatchSize, 4);    // le 4
  metrics.Observe(Histogram::kBatchSize, 600);  // +Inf
  const auto increments = metrics.Take();
  const auto& sizes = Of(increments, Histogram::kBatchSize);
  EXPECT_EQ(sizes.counts, (std::vector<std::uint64_t>{1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_EQ(sizes.sum, 608);
}

TEST(Metrics, WhatWasTakenIsGone) {
  Metrics metrics;
  metrics.Add(Counter::kBatches, 2);
  EXPECT_EQ(metrics.Take().counters[0], 2);
  EXPECT_EQ(metrics.Take().counters[0], 0);
}

TEST(Metrics, WhatCouldNotBeSentIsTakenAgainWithTheNext) {
  Metrics metrics;
  metrics.Add(Counter::kPromptTokens, 5);
  metrics.Observe(Histogram::kPromptTokens, 5);
  const auto lost = metrics.Take();
  metrics.Add(Counter::kPromptTokens, 7);
  metrics.Observe(Histogram::kPromptTokens, 7);
  metrics.Return(lost);
  const auto both = metrics.Take();
  EXPECT_EQ(both.counters[static_cast<std::size_t>(Counter::kPromptTokens)], 12);
  EXPECT_EQ(Of(both, Histogram::kPromptTokens).sum, 12);
  EXPECT_EQ(Of(both, Histogram::kPromptTokens).counts[3], 2u) << "both in (4, 8]";
}

TEST(Metrics, EveryHistogramHasAscendingBounds) {
  for (std::size_t i = 0; i < kHistograms; ++i) {
    const auto bounds = Bounds(Histogram(i));
    ASSERT_FALSE(bounds.empty());
    for (std::size_t j = 1; j < bounds.size(); ++j) EXPECT_LT(bounds[j - 1], bounds[j]) << Name(Histogram(i));
  }
}

}  // namespace
}  // namespace berth::engine
