#include "worker/protocol/control.h"

#include <gmock/gmock.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace berth::protocol {
namespace {

using ::testing::HasSubstr;

template <class Message>
Message FromWorkerBack(const Message& message) {
  auto decoded = DecodeFromWorker(Encode(FromWorker(message)));
  EXPECT_TRUE(decoded) << decoded.error().message;
  return std::get<Message>(*decoded);
}

TEST(Control, StartRoundTrips) {
  StartMessage m;
  m.name = "bge";
  m.replica = 1;
  m.kind = "embedding";
  m.source = "/models/bge";
  m.devices = {"gpu0", "gpu1"};
  m.budget_bytes = 5ULL << 30;
  m.threads = 4;
  m.batch_max_tokens = 16384;
  m.batch_max_delay_us = 2000;
  m.matryoshka = true;
  m.max_body_bytes = 8 << 20;
  const auto decoded = DecodeToWorker(Encode(ToWorker(m)));
  ASSERT_TRUE(decoded) << decoded.error().message;
  const auto& back = std::get<StartMessage>(*decoded);
  EXPECT_EQ(back.protocol, kProtocolVersion);
  EXPECT_EQ(back.name, m.name);
  EXPECT_EQ(back.replica, 1);
  EXPECT_EQ(back.kind, m.kind);
  EXPECT_EQ(back.source, m.source);
  EXPECT_EQ(back.devices, m.devices);
  EXPECT_EQ(back.budget_bytes, m.budget_bytes);
  EXPECT_EQ(back.threads, 4);
  EXPECT_EQ(back.batch_max_tokens, 16384);
  EXPECT_EQ(back.batch_max_delay_us, 2000);
  EXPECT_TRUE(back.matryoshka);
  EXPECT_EQ(back.max_body_bytes, m.max_body_bytes);
  EXPECT_FALSE(back.llm);
}

TEST(Control, StartOfALanguageModelRoundTrips) {
  StartMessage m;
  m.name = "chat";
  m.kind = "llm";
  m.llm = LlmSettings{"bfloat16", 8192, 32, false, "openai", "/templates/chatml.jinja"};
  const auto decoded = DecodeToWorker(Encode(ToWorker(m)));
  ASSERT_TRUE(decoded) << decoded.error().message;
  const auto& llm = std::get<StartMessage>(*decoded).llm;
  ASSERT_TRUE(llm);
  EXPECT_EQ(llm->dtype, "bfloat16");
  EXPECT_EQ(llm->context, 8192);
  EXPECT_EQ(llm->max_sequences, 32);
  EXPECT_FALSE(llm->prefix_cache);
  EXPECT_EQ(llm->generation_defaults, "openai");
  EXPECT_EQ(llm->chat_template, "/templates/chatml.jinja");
}

TEST(Control, WhatALanguageModelIsToldIsCheckedMemberByMember) {
  StartMessage m;
  m.kind = "llm";
  m.llm = LlmSettings{};
  const std::string good = Encode(ToWorker(m));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string packet = good;
    return packet.replace(packet.find(from), from.size(), to);
  };
  const std::pair<std::string, std::string_view> cases[] = {
      {with(R"("max_sequences":1)", R"("max_sequences":0)"), "llm.max_sequences"},
      {with(R"("context":0)", R"("context":-1)"), "llm.context"},
      {with(R"("prefix_cache":true)", R"("prefix_cache":1)"), "llm.prefix_cache"},
      {with(R"("dtype":"auto")", R"("dtype":4)"), "llm.dtype"}};
  for (const auto& [packet, name] : cases) {
    const auto decoded = DecodeToWorker(packet);
    ASSERT_FALSE(decoded) << packet;
    EXPECT_NE(decoded.error().message.find(name), std::string::npos) << decoded.error().message;
  }
}

TEST(Control, DrainRoundTrips) {
  const auto decoded = DecodeToWorker(Encode(ToWorker(DrainMessage{20'000})));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<DrainMessage>(*decoded).deadline_ms, 20'000);
}

TEST(Control, WorkerMessagesRoundTrip) {
  EXPECT_EQ(FromWorkerBack(HelloMessage{1, "b 1"}).build, "b 1");
  EXPECT_EQ(FromWorkerBack(LoadingMessage{"weights", 0.25}).fraction, 0.25);
  EXPECT_TRUE(FromWorkerBack(FailedMessage{"no such file", true}).permanent);
  FromWorkerBack(DrainedMessage{});
  const auto ready = FromWorkerBack(ReadyMessage{{"embedding", 512, 384, {"/v1/embeddings"}, {{"top_p", 0.8}}}, 64, {1, 2, 3}});
  EXPECT_EQ(ready.capabilities.context, 512);
  EXPECT_EQ(ready.capabilities.dimensions, 384);
  EXPECT_THAT(ready.capabilities.routes, ::testing::ElementsAre("/v1/embeddings"));
  EXPECT_EQ(ready.capabilities.sampling, (std::map<std::string, double>{{"top_p", 0.8}}));
  EXPECT_EQ(ready.window, 64);
  EXPECT_EQ(ready.memory.peak_rss, 3u);
}

TEST(Control, BeatRoundTrips) {
  BeatMessage m;
  m.steps = 7;
  m.begun = 3;
  m.memory = {10, 20, 30, 40, 45, 50, 60};
  m.counters["prompt_tokens_total"] = 12.5;
  m.counters["finish_total/stop"] = 2;
  m.histograms["request_inference_seconds"] = {{0.1, 1}, {1, 2, 3}, 4.5};
  m.gauges["kv_blocks/used"] = 17;
  m.gauges["kv_usage_ratio"] = 0.25;
  const auto back = FromWorkerBack(m);
  EXPECT_EQ(back.steps, 7u);
  EXPECT_EQ(back.begun, 3u);
  EXPECT_EQ(back.memory.vm_data, 20u);
  EXPECT_EQ(back.memory.private_peak, 40u);
  EXPECT_EQ(back.memory.counted_peak, 45u);
  EXPECT_EQ(back.memory.weights, 50u);
  EXPECT_EQ(back.memory.weights_mapped, 60u);
  EXPECT_EQ(back.counters, m.counters);
  EXPECT_EQ(back.gauges, m.gauges);
  const auto& delta = back.histograms.at("request_inference_seconds");
  EXPECT_EQ(delta.bounds, (std::vector<double>{0.1, 1}));
  EXPECT_EQ(delta.counts, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(delta.sum, 4.5);
}

TEST(Control, LongReasonIsCutBetweenCharactersAndFitsAPacket) {
  std::string reason;
  while (reason.size() < 200'000) reason += "\xe2\x82\xac\x01";
  const std::string packet = Encode(FromWorker(FailedMessage{reason, false}));
  EXPECT_LT(packet.size(), kMaxPacket);
  const auto back = DecodeFromWorker(packet);
  ASSERT_TRUE(back) << back.error().message;
  const std::string& cut = std::get<FailedMessage>(*back).reason;
  EXPECT_TRUE(reason.starts_with(cut));
  EXPECT_GT(cut.size(), 8000u);
}

TEST(Control, TextThatIsNotUtf8IsReplaced) {
  const auto back = DecodeFromWorker(Encode(FromWorker(FailedMessage{"bad \xff name", false})));
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(std::get<FailedMessage>(*back).reason, "bad \xef\xbf\xbd name");
}

TEST(Control, UnknownMembersAreIgnored) {
  EXPECT_TRUE(DecodeFromWorker(R"({"type":"drained","future":{"a":[1,2]}})"));
}

constexpr std::string_view kMemory = R"("memory":{"rss_anon":1,"vm_data":2,"peak_rss":3})";

std::string Ready(std::string_view capabilities, std::string_view window) {
  return R"({"type":"ready","capabilities":)" + std::string(capabilities) + R"(,"window":)" +
         std::string(window) + "," + std::string(kMemory) + "}";
}
std::string Beat(std::string_view more) {
  return R"({"type":"beat","steps":1,"begun":0,)" + std::string(kMemory) + "," + std::string(more) + "}";
}
constexpr std::string_view kCapabilities =
    R"({"kind":"embedding","context":1,"dimensions":1,"routes":["/a"]})";

TEST(Control, TheShapesThatTheHostileTableBendsAreGood) {
  EXPECT_TRUE(DecodeFromWorker(Ready(kCapabilities, "1")));
  EXPECT_TRUE(DecodeFromWorker(
      Beat(R"("gauges":{"a/b":1},"counters":{"a":1},"histograms":{"h":{"bounds":[1],"counts":[0,1],"sum":1}})")));
}

// A packet that a worker should never send, and a word of the error that names what is wrong with it.
struct Hostile {
  std::string packet;
  std::string named;
};

// What is wrong with a packet as such, or with a message that is no ready and no beat.
std::vector<Hostile> HostileMessages() {
  const std::string deep_list(kMaxPacket, '[');
  std::string deep_object;
  while (deep_object.size() + 5 < kMaxPacket) deep_object += R"({"a":)";
  const std::string nested =
      R"({"type":"drained","x":)" + std::string(20'000, '[') + std::string(20'000, ']') + "}";
  return {
      {"", "empty"},
      {std::string(kMaxPacket + 1, ' '), "65537"},
      {std::string(100, '\0'), "not JSON"},
      {"hello", "not JSON"},
      {"{", "not JSON"},
      {"null", "not a JSON object"},
      {"[]", "not a JSON object"},
      {"\"type\"", "not a JSON object"},
      {"1e999", "not JSON"},
      {deep_list, "nested"},
      {deep_object, "nested"},
      {nested, "nested"},
      {"{}", "type is missing"},
      {R"({"type":1})", "type is not a string"},
      {R"({"type":null})", "type is not a string"},
      {R"({"type":"start"})", "unknown type"},
      {R"({"type":"HELLO"})", "unknown type"},
      {R"({"type":""})", "unknown type"},
      {R"({"type":")" + std::string(300, 'x') + R"("})", "type"},
      {"{\"type\":\"hello\",\"protocol\":1,\"build\":\"\xff\"}", "not JSON"},
      {R"({"type":"drained"} {"type":"drained"})", "not JSON"},
      {R"({"type":"hello","protocol":1})", "build is missing"},
      {R"({"type":"hello","protocol":"1","build":""})", "protocol"},
      {R"({"type":"hello","protocol":1.0,"build":""})", "protocol"},
      {R"({"type":"hello","protocol":-1,"build":""})", "protocol"},
      {R"({"type":"hello","protocol":4294967297,"build":""})", "protocol"},
      {R"({"type":"hello","protocol":1,"build":")" + std::string(300, 'b') + R"("})", "build"},
      {R"({"type":"loading","stage":"w","fraction":-0.1})", "fraction"},
      {R"({"type":"loading","stage":"w","fraction":1.1})", "fraction"},
      {R"({"type":"loading","stage":"w","fraction":NaN})", "not JSON"},
      {R"({"type":"loading","stage":"w","fraction":null})", "fraction"},
      {R"({"type":"loading","stage":"w","fraction":1e999})", "not JSON"},
      {R"({"type":"loading","stage":"w","fraction":"1"})", "fraction"},
      {R"({"type":"loading","stage":[],"fraction":1})", "stage"},
      {R"({"type":"failed","reason":"x"})", "permanent is missing"},
      {R"({"type":"failed","reason":"x","permanent":1})", "permanent"},
      {R"({"type":"failed","reason":null,"permanent":true})", "reason"},
  };
}

std::vector<Hostile> HostileReadies() {
  return {
      {Ready(kCapabilities, "0"), "window"},
      {Ready(kCapabilities, "65537"), "window"},
      {Ready(kCapabilities, "-8"), "window"},
      {Ready(kCapabilities, "8.0"), "window"},
      {Ready(kCapabilities, "18446744073709551616"), "window"},
      {Ready(kCapabilities, "true"), "window"},
      {Ready("[]", "1"), "capabilities is not an object"},
      {Ready("{}", "1"), "capabilities.kind is missing"},
      {Ready(R"({"kind":"e","context":-1,"dimensions":1,"routes":[]})", "1"), "capabilities.context"},
      {Ready(R"({"kind":"e","context":1,"dimensions":1e3,"routes":[]})", "1"), "capabilities.dimensions"},
      {Ready(R"({"kind":"e","context":1,"dimensions":1,"routes":{}})", "1"), "capabilities.routes"},
      {Ready(R"({"kind":"e","context":1,"dimensions":1,"routes":["a"]})", "1"), "capabilities.routes"},
      {Ready(R"({"kind":"e","context":1,"dimensions":1,"routes":[1]})", "1"), "capabilities.routes"},
      {R"({"type":"ready","capabilities":)" + std::string(kCapabilities) + R"(,"window":1})",
       "memory is missing"},
  };
}

std::vector<Hostile> HostileBeats() {
  std::string many = R"("counters":{"c0":1)";
  for (int i = 1; i < 300; ++i) many += ",\"c" + std::to_string(i) + "\":1";
  many += "}";
  auto counters = [](std::string_view value) {
    return Beat(R"("counters":{"a":)" + std::string(value) + "}");
  };
  auto histogram = [](std::string_view value) {
    return Beat(R"("histograms":{"h":)" + std::string(value) + "}");
  };
  return {
      {R"({"type":"beat","steps":-1,"begun":0,)" + std::string(kMemory) + "}", "steps"},
      {R"({"type":"beat","steps":9223372036854775807,"begun":0,)" + std::string(kMemory) + "}", "steps"},
      {R"({"type":"beat","steps":1,"begun":0,"memory":{"rss_anon":-1,"vm_data":1,"peak_rss":1}})",
       "memory.rss_anon"},
      {R"({"type":"beat","steps":1,"begun":0,"memory":{"rss_anon":1,"vm_data":1,"peak_rss":1,"weights":"x"}})",
       "memory.weights"},
      {R"({"type":"beat","steps":1,"begun":0,"memory":7})", "memory is not an object"},
      {Beat(R"("counters":[])"), "counters"},
      {Beat(many), "counters"},
      {Beat(R"("counters":{"A-b":1})"), "metric names"},
      {Beat(R"("counters":{"":1})"), "metric names"},
      {Beat(R"("counters":{"a/":1})"), "metric names"},
      {Beat(R"("counters":{"/a":1})"), "metric names"},
      {Beat(R"("counters":{"a/b/c":1})"), "metric names"},
      {Beat(R"("gauges":[])"), "gauges"},
      {Beat(R"("gauges":{"a":-1})"), "gauges.a"},
      {Beat(R"("gauges":{"a":"1"})"), "gauges.a"},
      {Beat(R"("gauges":{"a b":1})"), "metric names"},
      {counters("-1"), "counters.a"},
      {counters("1e300"), "counters.a"},
      {counters("null"), "counters.a"},
      {counters("\"1\""), "counters.a"},
      {histogram("1"), "histograms.h is not an object"},
      {histogram("{}"), "histograms.h.bounds is missing"},
      {histogram(R"({"bounds":[2,1],"counts":[0,0,0],"sum":0})"), "histograms.h.bounds"},
      {histogram(R"({"bounds":[1,1],"counts":[0,0,0],"sum":0})"), "histograms.h.bounds"},
      {histogram(R"({"bounds":[1],"counts":[0],"sum":0})"), "histograms.h.counts"},
      {histogram(R"({"bounds":[1],"counts":[0,-1],"sum":0})"), "histograms.h.counts"},
      {histogram(R"({"bounds":[1],"counts":[0,0.5],"sum":0})"), "histograms.h.counts"},
      {histogram(R"({"bounds":[1],"counts":[0,0],"sum":"x"})"), "histograms.h.sum"},
      {histogram(R"({"bounds":["x"],"counts":[0,0],"sum":0})"), "histograms.h.bounds"},
  };
}

TEST(Control, HostilePacketsAreRefusedByName) {
  for (const auto& packets : {HostileMessages(), HostileReadies(), HostileBeats()}) {
    for (const Hostile& hostile : packets) {
      const auto decoded = DecodeFromWorker(hostile.packet);
      ASSERT_FALSE(decoded) << hostile.packet.substr(0, 200);
      EXPECT_THAT(decoded.error().message, HasSubstr(hostile.named)) << hostile.packet.substr(0, 200);
      EXPECT_EQ(decoded.error().kind, ErrorKind::kInvalid);
    }
  }
}

TEST(Control, NothingHidesBehindANul) {
  EXPECT_FALSE(DecodeFromWorker(std::string_view("{\"type\":\"drained\"}\0{}", 21)));
}

TEST(Control, EveryPrefixOfAPacketIsRefused) {
  const std::string packet = Ready(kCapabilities, "8");
  for (std::size_t cut = 0; cut < packet.size(); ++cut)
    EXPECT_FALSE(DecodeFromWorker(packet.substr(0, cut))) << cut;
}

TEST(Control, NumbersThatAreNotFiniteAreNotSentAsNumbers) {
  const std::string packet =
      Encode(FromWorker(LoadingMessage{"w", std::numeric_limits<double>::quiet_NaN()}));
  EXPECT_FALSE(DecodeFromWorker(packet));
}

TEST(Control, WorkerRefusesBentStartMessages) {
  const std::string good = Encode(ToWorker(StartMessage{}));
  EXPECT_TRUE(DecodeToWorker(good));
  auto bent = [&](const char* key, nlohmann::json value) {
    auto message = nlohmann::json::parse(good);
    message[key] = std::move(value);
    return DecodeToWorker(message.dump());
  };
  EXPECT_FALSE(bent("threads", 0));
  EXPECT_FALSE(bent("replica", -1));
  EXPECT_FALSE(bent("budget_bytes", -1));
  EXPECT_FALSE(bent("source", std::string(5000, '/')));
  EXPECT_FALSE(bent("matryoshka", "yes"));
  EXPECT_FALSE(DecodeToWorker(R"({"type":"drain"})"));
  EXPECT_FALSE(DecodeToWorker(R"({"type":"drain","deadline_ms":-1})"));
  EXPECT_FALSE(DecodeToWorker(R"({"type":"hello","protocol":1,"build":""})"));
}

}  // namespace
}  // namespace berth::protocol
