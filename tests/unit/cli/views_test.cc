#include "supervisor/cli/views.h"

#include <gtest/gtest.h>

namespace berth::cli {
namespace {

const char* const kModels = R"([
  {"name":"bge","kind":"embedding","aliases":["small"],"state":"ready","reason":"","ready_replicas":1,
   "capabilities":{"kind":"embedding","context":512,"dimensions":384,"routes":[]},
   "replicas":[
    {"replica":0,"state":"ready","reason":"ready","seconds_in_state":75.2,"pid":4711,"devices":["cpu"],
     "memory_bytes":2147483648,"measured_bytes":104857600,"estimate_bytes":188743680,"stage":null,"fraction":null,"in_flight":3},
    {"replica":1,"state":"loading","reason":"","seconds_in_state":2,"pid":null,"devices":["cpu"],
     "memory_bytes":2147483648,"measured_bytes":null,"estimate_bytes":null,"stage":"weights","fraction":0.4,"in_flight":0}]}])";

TEST(ViewPs, ShowsEveryReplica) {
  EXPECT_EQ(ViewPs(Json::parse(kModels), {}),
            "MODEL  KIND       REPLICA  STATE    SINCE  DEVICE           MEMORY  ESTIMATE  IN-FLIGHT   PID  REASON\n"
            "bge    embedding        0  ready       1m  cpu     100 MiB / 2 GiB   180 MiB          3  4711\n"
            "bge    embedding        1  loading     2s  cpu           - / 2 GiB         -          0     -  weights, 40 %\n");
}

TEST(ViewPs, OnANarrowTerminalTheStateStays) {
  const std::string text = ViewPs(Json::parse(kModels), {40, false});
  EXPECT_NE(text.find("STATE"), std::string::npos) << text;
  EXPECT_EQ(text.find("PID"), std::string::npos) << text;
}

TEST(ViewModels, ShowsWhatAModelCanDo) {
  const std::string text = ViewModels(Json::parse(kModels), {});
  EXPECT_NE(text.find("1/2"), std::string::npos) << text;
  EXPECT_NE(text.find("512"), std::string::npos) << text;
  EXPECT_NE(text.find("small"), std::string::npos) << text;
}

TEST(ViewLedger, EndsWithTheSums) {
  const Json ledger = Json::parse(R"({"devices":[{"name":"cpu","memory_bytes":1073741824,"reserved_bytes":67108864,
      "free_bytes":1006632960}],"reservations":[{"device":"cpu","model":"bge","replica":0,"bytes":67108864}],
      "weights":[{"device":"cpu","models":["bge","twin"],"bytes":1048576}]})");
  const std::string text = ViewLedger(ledger, {});
  EXPECT_NE(text.find("cpu     bge              0    64 MiB\n"), std::string::npos) << text;
  EXPECT_NE(text.find(" weights "), std::string::npos) << text;
  EXPECT_NE(text.find("cpu: 64 MiB of 1 GiB reserved, 960 MiB free\n"), std::string::npos) << text;
}

TEST(ViewStatus, SaysWhyItIsNotReady) {
  const Json status = Json::parse(R"({"version":"1.2.3","pid":7,"plan":"berth.yaml","uptime_seconds":4000,
      "addresses":["127.0.0.1:8080"],"admin":"/run/berth/admin.sock","ready":false,"reasons":["bge: loading"],
      "draining":false,"requests_open":2,"models":{"total":3,"ready":1}})");
  EXPECT_EQ(ViewStatus(status, {}),
            "state       not ready\n"
            "            bge: loading\n"
            "berthd      1.2.3, pid 7, up 1h\n"
            "plan        berth.yaml\n"
            "listening   http://127.0.0.1:8080\n"
            "admin       /run/berth/admin.sock\n"
            "models      1 of 3 ready\n"
            "requests    2 open\n");
}

TEST(ViewEvent, NamesTheReplica) {
  const Json event = Json::parse(
      R"({"seq":1,"time":"2026-01-31T12:00:00.000Z","type":"state","model":"bge","replica":1,"message":"ready"})");
  EXPECT_EQ(ViewEvent(event, {}), "2026-01-31T12:00:00.000Z  state  bge/1: ready\n");
  Json bare = event;
  bare["model"] = nullptr;
  bare["replica"] = nullptr;
  EXPECT_EQ(ViewEvent(bare, {}), "2026-01-31T12:00:00.000Z  state  ready\n");
}

TEST(ViewOutcome, CountsReplicasAndGivesTheReason) {
  Json model = Json::parse(kModels)[0];
  EXPECT_EQ(ViewOutcome(model, true, {}), "bge: ready, 1 of 2 replicas ready\n");
  model["reason"] = "one is loading";
  EXPECT_EQ(ViewOutcome(model, true, {}), "bge: ready, 1 of 2 replicas ready (one is loading)\n");
  model["command"] = "restart";
  EXPECT_TRUE(ViewOutcome(model, false, {}).starts_with("bge: restart accepted, now ready,"));
}

TEST(Age, UsesTheLargestUnit) {
  EXPECT_EQ(Age(0.4), "0s");
  EXPECT_EQ(Age(59.9), "59s");
  EXPECT_EQ(Age(60), "1m");
  EXPECT_EQ(Age(3599), "59m");
  EXPECT_EQ(Age(7200), "2h");
  EXPECT_EQ(Age(200000), "2d");
}

}  // namespace
}  // namespace berth::cli
