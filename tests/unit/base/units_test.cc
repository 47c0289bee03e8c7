#include <gtest/gtest.h>

#include "supervisor/base/bytes.h"
#include "supervisor/base/duration.h"

namespace berth {
namespace {

struct BytesRow {
  const char* text;
  std::uint64_t count;
};

TEST(ParseBytes, ReadsUnitsOfBothKinds) {
  const BytesRow table[] = {
      {"0", 0},          {"0B", 0},           {"1B", 1},
      {"1KiB", 1024},    {"1.5GiB", 1610612736}, {"2 MiB", 2097152},
      {"1TiB", 1ULL << 40}, {"1KB", 1000},    {"1MB", 1'000'000},
      {"2.5GB", 2'500'000'000}, {"1TB", 1'000'000'000'000}, {"0.5KiB", 512},
      {"8191TiB", 8191ULL << 40},
  };
  for (const BytesRow& row : table) {
    const Result<Bytes> bytes = ParseBytes(row.text);
    ASSERT_TRUE(bytes) << row.text << ": " << bytes.error().message;
    EXPECT_EQ(bytes->count, row.count) << row.text;
  }
}

TEST(ParseBytes, RefusesEverythingElse) {
  for (const char* text : {"", " ", "2", "GiB", "2G", "2gib", "2Gib", "-1GiB", "+1GiB", "1e3GiB", "0x1GiB", "1,5GiB",
                           "1GiB ", " 1GiB", "1GiBx", "nan", "nanGiB", "infGiB", "1..5GiB", "9000000TiB", "1_000KiB"}) {
    EXPECT_FALSE(ParseBytes(text)) << text;
  }
}

TEST(ParseBytes, MessageShowsWhatStoodThere) {
  EXPECT_NE(ParseBytes("2").error().message.find("with a unit"), std::string::npos);
  EXPECT_NE(ParseBytes("2").error().message.find("\"2\""), std::string::npos);
}

TEST(FormatBytes, PicksTheLargestUnitAndOneDecimal) {
  EXPECT_EQ(FormatBytes({0}), "0 B");
  EXPECT_EQ(FormatBytes({512}), "512 B");
  EXPECT_EQ(FormatBytes({1023}), "1023 B");
  EXPECT_EQ(FormatBytes(KiB(1)), "1 KiB");
  EXPECT_EQ(FormatBytes({1536}), "1.5 KiB");
  EXPECT_EQ(FormatBytes(GiB(2)), "2 GiB");
  EXPECT_EQ(FormatBytes(GiB(2) + MiB(1)), "2.0 GiB");
  EXPECT_EQ(FormatBytes(GiB(4096)), "4 TiB");
  EXPECT_EQ(FormatBytes(GiB(4096 * 2048ULL)), "8192 TiB");
}

TEST(FormatBytes, WholeNumbersComeBack) {
  for (const Bytes bytes : {Bytes{1}, KiB(3), MiB(700), GiB(12), Bytes{0}}) {
    EXPECT_EQ(ParseBytes(FormatBytes(bytes)).value(), bytes);
  }
}

struct DurationRow {
  const char* text;
  std::int64_t microseconds;
};

TEST(ParseDuration, ReadsEveryUnit) {
  const DurationRow table[] = {
      {"0", 0},          {"0s", 0},           {"1us", 1},          {"10ms", 10'000},
      {"1.5s", 1'500'000}, {"2m", 120'000'000}, {"36h", 129'600'000'000}, {"0.5ms", 500},
  };
  for (const DurationRow& row : table) {
    const Result<Duration> duration = ParseDuration(row.text);
    ASSERT_TRUE(duration) << row.text << ": " << duration.error().message;
    EXPECT_EQ(duration->count(), row.microseconds) << row.text;
  }
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const char* text : {"", "5", "ms", "5 ms", "5sec", "5S", "-1s", "+1s", "1e3s", "1m30s", "1s ", "nan", "infs",
                           "1d", "100000h"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

TEST(FormatDuration, PicksTheLargestUnit) {
  using namespace std::chrono_literals;
  EXPECT_EQ(FormatDuration(250us), "250us");
  EXPECT_EQ(FormatDuration(10ms), "10ms");
  EXPECT_EQ(FormatDuration(1500ms), "1.5s");
  EXPECT_EQ(FormatDuration(59s), "59s");
  EXPECT_EQ(FormatDuration(60s), "1m");
  EXPECT_EQ(FormatDuration(36h), "36h");
}

TEST(FormatDuration, WhatItWritesCanBeReadAgain) {
  using namespace std::chrono_literals;
  for (const Duration duration : {Duration(0s), Duration(7us), Duration(90s), Duration(24h), Duration(87600h)}) {
    EXPECT_EQ(ParseDuration(FormatDuration(duration)).value(), duration) << FormatDuration(duration);
  }
}

}  // namespace
}  // namespace berth
