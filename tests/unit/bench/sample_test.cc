#include "supervisor/bench/sample.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "supervisor/bench/client.h"
#include "supervisor/bench/reply.h"

namespace berth::bench {
namespace {

using std::chrono::milliseconds;

TEST(PercentilesOf, AreNearestRanks) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const Percentiles of = PercentilesOf(values);
  EXPECT_EQ(of.count, 100U);
  EXPECT_EQ(of.p50, 50);
  EXPECT_EQ(of.p95, 95);
  EXPECT_EQ(of.p99, 99);
  EXPECT_EQ(of.most, 100);
  EXPECT_DOUBLE_EQ(of.mean, 50.5);
  EXPECT_EQ(PercentilesOf({3}).p50, 3);
  EXPECT_EQ(PercentilesOf({}).count, 0U);
}

Sample StreamOf(const std::vector<std::pair<int, std::string>>& pieces, bool whole = true, int status = 200, bool streams = true) {
  const TimePoint since{};
  ReplyMeter meter(status, streams, since);
  int last = 0;
  for (const auto& [at_ms, bytes] : pieces) meter.Take(bytes, since + milliseconds(last = at_ms));
  return meter.Finish(whole, since + milliseconds(last));
}

TEST(ReplyMeter, TokensCountFromTheFirstThatBringsText) {
  const Sample sample = StreamOf({{5, "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n: ping\n\n"},
                                  {20, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"del"},
                                  {50, "ta\":{\"content\":\"b\"}}]}\r\n\r\n"},
                                  {60, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n"}});
  EXPECT_EQ(sample.error, "");
  EXPECT_EQ(sample.first, milliseconds(20));
  ASSERT_EQ(sample.gaps.size(), 1U);
  EXPECT_EQ(sample.gaps[0], milliseconds(30));
  EXPECT_EQ(sample.total, milliseconds(60));
  EXPECT_EQ(sample.prompt_tokens, 7);
  EXPECT_EQ(sample.output_tokens, 2);
}

TEST(ReplyMeter, WhatGoesWrongIsNamed) {
  EXPECT_EQ(StreamOf({{1, "data: {\"choices\":[{\"text\":\"a\"}]}\n\n"}}).error, "the stream ended without [DONE]");
  EXPECT_EQ(StreamOf({{1, "data: {\"error\":{\"code\":\"worker_lost\"}}\n\n"}}).error, "in mid-stream: worker_lost");
  EXPECT_EQ(StreamOf({{1, "data: nonsense\n\ndata: [DONE]\n\n"}}).error, "an event that is no JSON object");
  EXPECT_EQ(StreamOf({{1, "data: [DO"}}, false).error, "the connection ended before the reply did");
  EXPECT_EQ(StreamOf({{1, R"({"error":{"code":"queue_full","message":"m"}})"}}, true, 429, false).error, "429 queue_full");
  EXPECT_EQ(StreamOf({{1, "<html>"}}, true, 502, false).error, "502 ");
}

TEST(ReplyMeter, EmbeddingsHaveUsageAndNoTokens) {
  const Sample sample = StreamOf({{3, R"({"data":[],"usage":)"}, {4, R"({"prompt_tokens":9,"total_tokens":9}})"}}, true, 200, false);
  EXPECT_EQ(sample.error, "");
  EXPECT_FALSE(sample.first);
  EXPECT_EQ(sample.prompt_tokens, 9);
}

std::vector<Sample> TwoAndAFailure() {
  Sample quick, slow, failed;
  quick.first = milliseconds(100);
  quick.gaps = {milliseconds(50), milliseconds(50)};
  quick.total = milliseconds(200);
  quick.output_tokens = 3;
  slow = quick;
  slow.began = milliseconds(800);
  slow.first = milliseconds(150);
  failed.error = "429 <queue_full>";
  return {quick, slow, failed};
}

TEST(Summarise, CountsWhatWentWellOverTheWholeRun) {
  const Summary summary = Summarise(TwoAndAFailure());
  EXPECT_EQ(summary.requests, 3U);
  EXPECT_EQ(summary.failed(), 1U);
  EXPECT_DOUBLE_EQ(summary.seconds, 1);
  EXPECT_DOUBLE_EQ(summary.requests_per_s, 2);
  EXPECT_DOUBLE_EQ(summary.output_tokens_per_s, 6);
  EXPECT_DOUBLE_EQ(summary.per_token.p50, 0.025);
  EXPECT_DOUBLE_EQ(summary.first.p99, 0.15);
  EXPECT_NE(Format(summary).find("1 × 429 <queue_full>"), std::string::npos);
  EXPECT_EQ(ToJson(summary)["inter_token_seconds"]["count"], 4);
}

TEST(Picture, IsOneSvgWhateverWasMeasured) {
  for (const auto& samples : {TwoAndAFailure(), std::vector<Sample>{}, std::vector<Sample>{TwoAndAFailure()[2]}}) {
    const std::string svg = Picture(samples, "a <title> & more");
    EXPECT_TRUE(svg.starts_with("<svg ")) << svg;
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
    EXPECT_NE(svg.find("a &#60;title&#62; &#38; more"), std::string::npos);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
  }
}

TEST(ParseTarget, TakesWhatClientsCallABaseUrl) {
  const auto target = ParseTarget("http://[::1]:8080/v1/");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->host, "::1");
  EXPECT_EQ(target->port, "8080");
  EXPECT_EQ(target->base, "/v1");
  EXPECT_EQ(ParseTarget("http://localhost")->port, "80");
  for (const char* bad : {"localhost:80", "https://x/v1", "http://", "http://:80", "http://x:port", "http://x:80 /v1", "http://x:123456"}) {
    EXPECT_FALSE(ParseTarget(bad)) << bad;
  }
}

}  // namespace
}  // namespace berth::bench
