#include "supervisor/observe/process_stats.h"

#include <gtest/gtest.h>

namespace berth::observe {
namespace {

// proc(5): pid (comm) state, then 18 fields to start time, virtual bytes and resident pages.
constexpr const char* kStat =
    "42 (a) weird (name) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 3 0 1000 1048576 256 "
    "18446744073709551615 1 1 0";

TEST(ProcessStats, ReadsTheFieldsAfterTheCommand) {
  const ProcessStats stats = ParseProcessStat(kStat, 100, 4096, 1'000'000);
  EXPECT_DOUBLE_EQ(stats.cpu_seconds.value(), 2.0);
  EXPECT_DOUBLE_EQ(stats.start_time_seconds.value(), 1'000'010);
  EXPECT_DOUBLE_EQ(stats.virtual_bytes.value(), 1048576);
  EXPECT_DOUBLE_EQ(stats.resident_bytes.value(), 256 * 4096);
}

TEST(ProcessStats, WhatIsUnknownIsAbsent) {
  EXPECT_FALSE(ParseProcessStat(kStat, 100, 4096, 0).start_time_seconds);
  EXPECT_FALSE(ParseProcessStat("", 100, 4096, 1).cpu_seconds);
  EXPECT_FALSE(ParseProcessStat("42 (cut) S 1 42", 100, 4096, 1).cpu_seconds);
}

TEST(ProcessStats, OfThisProcessAreSane) {
  const ProcessStats stats = ReadProcessStats();
  EXPECT_GT(stats.resident_bytes.value(), 1 << 16);
  EXPECT_GE(stats.open_fds.value(), 1);
  EXPECT_GE(stats.max_fds.value(), stats.open_fds.value());
  EXPECT_GT(stats.start_time_seconds.value(), 1'000'000'000);
}

}  // namespace
}  // namespace berth::observe
