// The whole admin socket over a real Unix socket, with a fake of what stands behind it.
#include "supervisor/admin/admin_server.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/unit/admin/fake_control.h"
#include "supervisor/base/deadline.h"

namespace asio = boost::asio;

namespace berth::admin {
namespace {

using Json = nlohmann::json;
using launch::State;

struct Got {
  int status = 0;
  std::string head;
  std::string body;
  Json json() const { return Json::parse(body); }
};

class AdminServerTest : public testing::Test {
 protected:
  AdminServerTest() {
    std::string pattern = testing::TempDir() + "/admin-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    socket_ = folder_ / "admin.sock";
  }
  ~AdminServerTest() override { std::filesystem::remove_all(folder_); }

  void SetUp() override {
    const Status bound = server_.Listen(socket_);
    ASSERT_TRUE(bound.has_value()) << bound.error().message;
    server_.Run();
  }

  // Runs the loop until `done`; fails after ten seconds, which only a hang takes.
  void RunUntil(const std::function<bool()>& done) {
    const TimePoint deadline = Clock::now() + std::chrono::seconds(10);
    while (!done()) {
      ASSERT_LT(Clock::now(), deadline);
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(100));
    }
  }
  void TearDown() override {
    TaskGroup ending(loop_.get_executor());
    ending.Spawn("stop", server_.Stop(std::chrono::seconds(1)));
    RunUntil([&ending] { return ending.size() == 0; });
  }

  // One request on a connection of its own, from another thread, while the loop runs here.
  Got Ask(const std::string& method, const std::string& target) {
    std::string raw;
    std::atomic<bool> over{false};
    std::thread client([&] {
      raw = Exchange(method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      over = true;
    });
    RunUntil([&over] { return over.load(); });
    client.join();
    const auto end = raw.find("\r\n\r\n");
    return {std::atoi(raw.c_str() + 9), raw.substr(0, end), end == std::string::npos ? "" : raw.substr(end + 4)};
  }

  asio::local::stream_protocol::socket Connect(asio::io_context& io) {
    asio::local::stream_protocol::socket socket(io);
    socket.connect(asio::local::stream_protocol::endpoint(socket_.string()));
    return socket;
  }
  // Until the server closes.
  std::string Exchange(const std::string& request) {
    asio::io_context io;
    auto socket = Connect(io);
    boost::system::error_code end;
    asio::write(socket, asio::buffer(request), end);  // who is refused may be too late to ask
    std::string answer;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    return answer;
  }

  std::filesystem::path folder_;
  std::filesystem::path socket_;
  asio::io_context loop_;
  config::Plan plan_ = TestPlan();
  placement::Placement placement_;
  FakeControl control_{plan_};
  observe::Events events_;
  observe::Metrics metrics_;
  Context context_{plan_, placement_, control_, events_, metrics_, "berth.yaml", "", Clock::now(), {"127.0.0.1:1"},
                   false, {}};
  AdminServer server_{loop_.get_executor(), context_};
};

TEST_F(AdminServerTest, SocketIsForOwnerAndGroupOnly) {
  struct stat info {};
  ASSERT_EQ(::stat(socket_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
}

TEST_F(AdminServerTest, StatusSaysWhyItIsNotReady) {
  control_.not_ready = {"bge: loading"};
  const Got got = Ask("GET", "/v1/status");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.json().at("ready"), false);
  EXPECT_EQ(got.json().at("reasons").at(0), "bge: loading");
  EXPECT_EQ(got.json().at("addresses").at(0), "127.0.0.1:1");
  EXPECT_EQ(got.json().at("models").at("total"), 3);
}

TEST_F(AdminServerTest, ModelsDevicesLedgerAndPlanAnswer) {
  EXPECT_EQ(Ask("GET", "/v1/models").json().at("models").size(), 3u);
  EXPECT_EQ(Ask("GET", "/v1/models/org/chat").json().at("name"), "org/chat");
  EXPECT_EQ(Ask("GET", "/v1/devices").json().at("devices").at(0).at("name"), "cpu");
  EXPECT_EQ(Ask("GET", "/v1/ledger").json().at("reservations").size(), 0u);
  EXPECT_EQ(Ask("GET", "/v1/plan").json().at("file"), "berth.yaml");
}

TEST_F(AdminServerTest, ReadsAskForNothing) {
  for (const char* target : {"/v1/status", "/v1/models", "/v1/models/bge", "/v1/devices", "/v1/ledger", "/v1/plan",
                             "/v1/events", "/v1/models/bge/logs"}) {
    EXPECT_EQ(Ask("GET", target).status, 200) << target;
  }
  EXPECT_TRUE(control_.asked.empty());
  EXPECT_EQ(events_.last_seq(), 0u);
}

TEST_F(AdminServerTest, StartWithoutWaitIsAcceptedAtOnce) {
  control_.SetState("bge", State::kStarting);
  const Got got = Ask("POST", "/v1/models/text-embedding-3-small/start");
  EXPECT_EQ(got.status, 202);
  EXPECT_EQ(got.json().at("state"), "starting");
  EXPECT_EQ(control_.asked, std::vector<std::string>{"start bge"});
}

TEST_F(AdminServerTest, StartWithWaitIsDoneWhenEveryReplicaIsReady) {
  control_.on_settle = [this] { control_.SetState("bge", State::kReady); };
  const Got got = Ask("POST", "/v1/models/bge/start?wait=5");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.json().at("ready_replicas"), 2);
}

TEST_F(AdminServerTest, WaitThatIsOverIs504WithTheState) {
  control_.SetState("bge", State::kLoading, "weights");
  control_.settles = false;
  const Got got = Ask("POST", "/v1/models/bge/start?wait=0.5");
  EXPECT_EQ(got.status, 504);
  EXPECT_EQ(got.json().at("state"), "loading");
  EXPECT_EQ(got.json().at("error").at("code"), "timeout");
  EXPECT_NE(got.json().at("error").at("message").get<std::string>().find("bge/0 is loading: weights"),
            std::string::npos);
}

TEST_F(AdminServerTest, AClientThatLeavesWhileItWaitsDoesNotKeepItsPlace) {
  control_.SetState("bge", State::kLoading, "weights");
  control_.settles = false;
  bool asked = false;
  control_.on_settle = [&asked] { asked = true; };
  asio::io_context io;
  auto client = Connect(io);
  const std::string request = "POST /v1/models/bge/start?wait=3600 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
  asio::write(client, asio::buffer(request));
  RunUntil([&asked] { return asked; });
  client.close();
  const auto& ended = metrics_.Counter("admin_commands_total", {{"command", "start"}, {"result", "timeout"}});
  RunUntil([&ended] { return ended.Value() == 1; });
}

TEST_F(AdminServerTest, FailedStartIs500WithTheReason) {
  control_.SetState("bge", State::kFailed, "no such file");
  const Got got = Ask("POST", "/v1/models/bge/start?wait=5");
  EXPECT_EQ(got.status, 500);
  EXPECT_NE(got.body.find("bge/0 is failed: no such file"), std::string::npos);
}

TEST_F(AdminServerTest, StartThatSomebodyStoppedIs409) {
  EXPECT_EQ(Ask("POST", "/v1/models/bge/start?wait=5").status, 409);
}

TEST_F(AdminServerTest, StopOfWhatIsStoppedSucceeds) {
  EXPECT_EQ(Ask("POST", "/v1/models/bge/stop").status, 200);
  EXPECT_EQ(Ask("POST", "/v1/models/bge/stop?wait=5").status, 200);
}

TEST_F(AdminServerTest, RestartThatNobodyWaitedForIsAcceptedButNotDone) {
  EXPECT_EQ(Ask("POST", "/v1/models/bge/restart").status, 202);
}

TEST_F(AdminServerTest, RefusalOfTheFleetIsPassedOn) {
  control_.verdict = MakeError(ErrorKind::kConflict, "the daemon is draining");
  const Got got = Ask("POST", "/v1/models/bge/restart?wait=5");
  EXPECT_EQ(got.status, 409);
  EXPECT_NE(got.body.find("the daemon is draining"), std::string::npos);
}

TEST_F(AdminServerTest, BadWaitIsRefusedBeforeAnythingHappens) {
  for (const char* wait : {"-1", "x", "1x", "1e9", "nan"}) {
    EXPECT_EQ(Ask("POST", std::string("/v1/models/bge/start?wait=") + wait).status, 400) << wait;
  }
  EXPECT_TRUE(control_.asked.empty());
}

TEST_F(AdminServerTest, CommandsAreWrittenDownWithTheirPeer) {
  Ask("POST", "/v1/models/bge/stop");
  const auto events = events_.Since(0);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, "admin");
  EXPECT_EQ(events[0].model, "bge");
  EXPECT_NE(events[0].message.find("stop asked for by uid " + std::to_string(::geteuid())), std::string::npos);
  EXPECT_NE(events[0].message.find("pid " + std::to_string(::getpid())), std::string::npos);
  EXPECT_NE(metrics_.Serialize().find("berth_admin_commands_total{command=\"stop\",result=\"ok\"} 1"),
            std::string::npos);
}

TEST_F(AdminServerTest, ShutdownIsAskedForOnce) {
  EXPECT_EQ(Ask("POST", "/v1/shutdown").status, 202);
  EXPECT_EQ(control_.shutdowns, 1);
}

TEST_F(AdminServerTest, EventsAfterANumberComeAsLines) {
  for (int i = 0; i < 5; ++i) events_.Add("state", "bge", 0, std::to_string(i));
  EXPECT_NE(Ask("GET", "/v1/events?since=4").body.find("\"seq\":5"), std::string::npos);
  EXPECT_EQ(Ask("GET", "/v1/events?since=4").body.find("\"seq\":4"), std::string::npos);
  const std::string tail = Ask("GET", "/v1/events?tail=2").body;
  EXPECT_EQ(tail.find("\"seq\":3"), std::string::npos);
  EXPECT_NE(tail.find("\"seq\":4"), std::string::npos);
  EXPECT_EQ(Ask("GET", "/v1/events?since=x").status, 400);
}

TEST_F(AdminServerTest, LogsOfThePreviousRunOfEveryReplica) {
  const std::string body = Ask("GET", "/v1/models/bge/logs?previous=1").body;
  EXPECT_NE(body.find("last words of 0"), std::string::npos);
  EXPECT_NE(body.find("last words of 1"), std::string::npos);
}

// A follower on the test's own loop: what arrived so far.
class Follower {
 public:
  Follower(asio::local::stream_protocol::socket socket, const std::string& target) : socket_(std::move(socket)) {
    asio::write(socket_, asio::buffer("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n"));
    Read();
  }
  bool Has(const std::string& text) const { return got_.find(text) != std::string::npos; }
  bool over() const { return over_; }
  void Close() { socket_.close(); }

 private:
  void Read() {
    socket_.async_read_some(asio::buffer(buffer_), [this](boost::system::error_code end, std::size_t count) {
      if (end == asio::error::operation_aborted) return;
      got_.append(buffer_, count);
      over_ = static_cast<bool>(end);
      if (!end) Read();
    });
  }
  asio::local::stream_protocol::socket socket_;
  char buffer_[4096];
  std::string got_;
  bool over_ = false;
};

TEST_F(AdminServerTest, FollowedEventsArriveAsTheyHappenAndEndWithTheDaemon) {
  events_.Add("state", "bge", 0, "before");
  Follower follower(Connect(loop_), "/v1/events?follow=1");
  RunUntil([&] { return follower.Has("before"); });
  events_.Add("state", "bge", 0, "during");
  RunUntil([&] { return follower.Has("during"); });
  TaskGroup ending(loop_.get_executor());
  ending.Spawn("stop", server_.Stop(std::chrono::seconds(5)));
  RunUntil([&] { return follower.over() && ending.size() == 0; });
  EXPECT_TRUE(follower.Has("0\r\n\r\n")) << "the stream was cut, not ended";
  EXPECT_TRUE(context_.streams.empty());
}

TEST_F(AdminServerTest, FollowedLogsArriveAndTheClientsLeavingEndsTheStream) {
  control_.Print("old");
  control_.Print("newer");
  Follower follower(Connect(loop_), "/v1/models/bge/logs?follow=1&tail=1");
  RunUntil([&] { return follower.Has("newer"); });
  EXPECT_FALSE(follower.Has("old"));
  control_.Print("newest");
  RunUntil([&] { return follower.Has("newest"); });
  follower.Close();
  RunUntil([&] { return control_.log_subscribers.empty(); });
  EXPECT_TRUE(context_.streams.empty());
}

TEST_F(AdminServerTest, ConnectionBeyondTheBoundIsToldSo) {
  std::vector<asio::local::stream_protocol::socket> held;
  for (std::size_t i = 0; i < AdminServer::kMostConnections; ++i) {
    held.push_back(Connect(loop_));
    loop_.restart();
    loop_.poll();
  }
  EXPECT_EQ(Ask("GET", "/v1/status").status, 503);
  held.pop_back();
  RunUntil([&] { return Ask("GET", "/v1/status").status == 200; });
}

TEST_F(AdminServerTest, NonsenseIsAnsweredAndHarmsNothing) {
  std::string answer;
  std::atomic<bool> over{false};
  std::thread client([&] {
    answer = Exchange(std::string("\0\0\0\r\n\r\n", 7));
    over = true;
  });
  RunUntil([&] { return over.load(); });
  client.join();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400")) << answer;
  EXPECT_EQ(Ask("GET", "/v1/status").status, 200);
}

TEST_F(AdminServerTest, StoppingRemovesTheSocket) {
  TearDown();
  EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST(AdminServerListen, PathThatIsTooLongSaysSo) {
  asio::io_context loop;
  const config::Plan plan = TestPlan();
  const placement::Placement placement;
  FakeControl control(plan);
  observe::Events events;
  observe::Metrics metrics;
  Context context{plan, placement, control, events, metrics, "", "", Clock::now(), {}, false, {}};
  AdminServer server(loop.get_executor(), context);
  const Status bound = server.Listen("/tmp/" + std::string(120, 'x'));
  ASSERT_FALSE(bound.has_value());
  EXPECT_NE(bound.error().message.find("107"), std::string::npos);
  const Status nowhere = server.Listen("/nowhere/admin.sock");
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_NE(nowhere.error().message.find("/nowhere/admin.sock"), std::string::npos);
}

}  // namespace
}  // namespace berth::admin
