#include "worker/engine/batcher.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

namespace berth::engine {
namespace {

using std::chrono::milliseconds;

struct Request {
  int arrived_ms = 0;
  std::vector<int> lengths;
};

const TimePoint kStart{std::chrono::hours(1)};

Batch Next(const std::vector<Request>& requests, const Limits& limits, int now_ms) {
  std::vector<Waiting> waiting;
  for (const Request& request : requests) {
    waiting.push_back({request.lengths, kStart + milliseconds(request.arrived_ms)});
  }
  return NextBatch(waiting, limits, kStart + milliseconds(now_ms));
}

struct Case {
  std::string name;
  std::vector<Request> requests;
  Limits limits;
  int now_ms;
  std::vector<int> take;
};

TEST(NextBatch, TakesWhatTheTableSays) {
  const Limits narrow{100, 8, milliseconds(0)};
  const Case cases[] = {
      {"nothing waits", {}, narrow, 0, {}},
      {"one request runs alone", {{0, {10}}}, narrow, 0, {1}},
      {"all that fits runs together", {{0, {10}}, {1, {20, 30}}, {2, {40}}}, narrow, 5, {1, 2, 1}},
      {"a full batch leaves the rest", {{0, {60}}, {1, {60}}}, narrow, 5, {1, 0}},
      {"the oldest runs even when it is longer than a batch", {{0, {500}}, {1, {10}}}, narrow, 5, {1, 0}},
      {"a short one passes a long one that does not fit",
       {{0, {60}}, {1, {90}}, {2, {30}}},
       narrow,
       5,
       {1, 0, 1}},
      {"many inputs of one request leave room for others",
       {{0, std::vector<int>(2048, 10)}, {1, {10}}, {2, {10}}},
       narrow,
       5,
       {6, 1, 1}},
      {"sequences are limited as well", {{0, std::vector<int>(20, 1)}}, narrow, 5, {8}},
      {"turns go on while others no longer fit", {{0, {10, 10, 10}}, {1, {75, 75}}}, narrow, 5, {2, 1}},
  };
  for (const Case& each : cases) {
    const Batch batch = Next(each.requests, each.limits, each.now_ms);
    EXPECT_EQ(batch.take, each.take) << each.name;
    EXPECT_EQ(batch.sequences, std::accumulate(each.take.begin(), each.take.end(), 0)) << each.name;
    EXPECT_FALSE(batch.wait_until) << each.name;
  }
}

TEST(NextBatch, AShortRequestDoesNotWaitBehindSeveralLongOnes) {
  const std::vector<int> many(500, 50);
  const std::vector<int> one = {20};
  const Waiting waiting[] = {{many, kStart, 5000}, {many, kStart + milliseconds(1), 4950}, {one, kStart + milliseconds(2)}};
  EXPECT_EQ(NextBatch(waiting, {100, 8, {}}, kStart + milliseconds(3)).take, (std::vector<int>{1, 0, 1}));
}

TEST(NextBatch, CountsTheTokensItTakes) {
  EXPECT_EQ(Next({{0, {10, 11}}, {0, {70, 80}}}, {100, 8, {}}, 0).tokens, 91);
}

TEST(NextBatch, WaitsForCompanyUntilTheOldestLosesPatience) {
  const Limits limits{100, 8, milliseconds(10)};
  const Batch early = Next({{0, {10}}, {9, {10}}}, limits, 9);
  EXPECT_TRUE(early.take.empty());
  ASSERT_TRUE(early.wait_until);
  EXPECT_EQ(*early.wait_until, kStart + milliseconds(10));
  EXPECT_EQ(Next({{0, {10}}, {9, {10}}}, limits, 10).take, (std::vector<int>{1, 1}));
}

TEST(NextBatch, DoesNotWaitWhenTheBatchIsFullAlready) {
  const Limits limits{100, 2, std::chrono::hours(1)};
  EXPECT_EQ(Next({{0, {100}}}, limits, 0).take, std::vector<int>{1}) << "no token of room";
  EXPECT_EQ(Next({{0, {1, 1}}}, limits, 0).take, std::vector<int>{2}) << "no sequence of room";
  EXPECT_EQ(Next({{0, {60}}, {0, {60}}}, limits, 0).take, (std::vector<int>{1, 0})) << "somebody did not fit";
}

TEST(NextBatch, NobodyStarvesBehindAStreamOfShortOnes) {
  // A long request arrives in the midst of short ones that always fill the batch; it is the oldest soon.
  std::vector<Request> waiting = {{0, {60}}, {1, {100}}};
  for (int round = 0; round < 3; ++round) {
    waiting.push_back({2 + round, {40}});
    const Batch batch = Next(waiting, {100, 8, {}}, 10);
    if (batch.take[0] == 1 && waiting[0].lengths[0] == 100) return;
    for (std::size_t i = waiting.size(); i-- > 0;) {
      if (batch.take[i] > 0) waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  FAIL() << "the long request was passed over three times";
}

}  // namespace
}  // namespace berth::engine
