#include "supervisor/route/proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <thread>

#include "fake_upstream.h"
#include "tests/support/malformed_requests.h"

namespace berth::route {
namespace {

using testing::BodyOf;
using testing::FakeUpstream;
using testing::HeaderOf;
using testing::Wire;
using namespace std::chrono_literals;

const std::string kBody = R"({"model":"m","input":"x"})";

// Opened once; those who wait for it pass from then on.
class Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

bool Eventually(const std::function<bool()>& condition) {
  const TimePoint until = Clock::now() + 10s;
  while (!condition()) {
    if (Clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

std::string Post(const std::string& body = kBody, const std::string& fields = "",
                 const std::string& path = "/v1/embeddings") {
  return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string Get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

int StatusOf(const std::string& message) { return message.size() < 12 ? 0 : std::atoi(message.c_str() + 9); }

class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() {
    std::string pattern = ::testing::TempDir() + "berth-route-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    plan_.server.listen = {"127.0.0.1", 0};
    plan_.server.threads = 2;
    plan_.server.max_body = KiB(256);
    plan_.server.header_timeout = 10s;
    plan_.server.body_timeout = 10s;
    plan_.server.idle_timeout = 30s;
    plan_.server.max_connections = 100;
    config::Model model;
    model.name = "m";
    model.aliases = {"alias"};
    model.queue = {2, 10s};
    model.required = true;
    plan_.models.push_back(model);
  }
  ~ProxyTest() override {
    proxy_.reset();
    workers_.clear();
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    proxy_ = std::make_unique<Proxy>(plan_, metrics_, options_);
    ASSERT_TRUE(proxy_->Listen());
    proxy_->Run();
  }

  FakeUpstream& AddWorker(FakeUpstream::Script script, int window = 4) {
    workers_.push_back(std::make_unique<FakeUpstream>(folder_, static_cast<int>(workers_.size()), window, std::move(script)));
    proxy_->Up(workers_.back()->endpoint);
    return *workers_.back();
  }

  // Its process is gone, and nobody has noticed yet.
  void AddDeadWorker(int replica) {
    auto gone = std::make_shared<launch::Endpoint>();
    gone->model = "m";
    gone->replica = replica;
    gone->window = 4;
    gone->socket_path = folder_ + "/nobody.sock";
    gone->claims = std::move(*protocol::ClaimTable::Create(4));
    proxy_->Up(gone);
  }

  Wire Connect() {
    const std::string address = proxy_->addresses().front();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.substr(address.rfind(':') + 1).c_str())));
    ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return Wire(std::move(fd));
  }

  std::string Ask(const std::string& request) {
    Wire wire = Connect();
    wire.Send(request);
    return wire.ReadMessage();
  }

  bool AllQuiet() {
    return Eventually([this] {
      bool quiet = proxy_->requests_open() == 0;
      for (auto& worker : workers_) quiet = quiet && worker->endpoint->in_flight == 0;
      return quiet;
    });
  }

  // Gates outlive the workers' threads, which may still be passing them when a test ends.
  Gate& NewGate() { return gates_.emplace_back(); }

  std::deque<Gate> gates_;
  config::Plan plan_;
  ProxyOptions options_;
  observe::Metrics metrics_;
  std::string folder_;
  std::vector<std::unique_ptr<FakeUpstream>> workers_;
  std::unique_ptr<Proxy> proxy_;
};

bool Answer(FakeUpstream::Exchange& exchange) { return exchange.Begin() && exchange.Reply(200, "{\"ok\":1}"); }

TEST_F(ProxyTest, RelaysAnAnswerWithTheHeadersThatClientsExpect) {
  Start();
  std::string seen;
  AddWorker([&](auto& exchange) {
    seen = exchange.request;
    return Answer(exchange);
  });
  const std::string answer = Ask(Post(R"({"model":"alias"})", "X-Request-Id: abc\r\nX-Berth-Claim: 0.9\r\n"));
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_EQ(BodyOf(answer), "{\"ok\":1}");
  EXPECT_EQ(HeaderOf(answer, "x-request-id"), "abc");
  EXPECT_EQ(HeaderOf(answer, "x-model-id"), "m");
  EXPECT_NE(HeaderOf(answer, "x-queue-ms"), "");
  EXPECT_EQ(HeaderOf(answer, "content-type"), "application/json");
  EXPECT_EQ(HeaderOf(seen, "X-Berth-Model"), "m");
  EXPECT_EQ(HeaderOf(seen, "X-Berth-Model-Requested"), "alias");
  EXPECT_EQ(HeaderOf(seen, "X-Berth-Claim"), "0.1");
  EXPECT_EQ(HeaderOf(seen, "X-Forwarded-For"), "127.0.0.1");
  EXPECT_TRUE(AllQuiet());
}

TEST_F(ProxyTest, ServesPipelinedRequestsInOrderOverOneUpstreamConnection) {
  Start();
  std::atomic<int> count{0};
  AddWorker([&](auto& exchange) { return exchange.Begin() && exchange.Reply(200, std::to_string(++count)); });
  Wire wire = Connect();
  wire.Send(Post() + Post() + Get("/health/live") + Post());
  EXPECT_EQ(BodyOf(wire.ReadMessage()), "1");
  EXPECT_EQ(BodyOf(wire.ReadMessage()), "2");
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 200);
  EXPECT_EQ(BodyOf(wire.ReadMessage()), "3");
}

TEST_F(ProxyTest, ChunkedRequestBodiesReachTheWorkerWhole) {
  Start();
  std::string seen;
  AddWorker([&](auto& exchange) {
    seen = exchange.request;
    return Answer(exchange);
  });
  Wire wire = Connect();
  wire.Send("POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"mod\r\n");
  wire.Send("8\r\nel\":\"m\"}\r\n0\r\n\r\n");
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 200);
  EXPECT_EQ(BodyOf(seen), "{\"model\":\"m\"}");
}

TEST_F(ProxyTest, AMalformedChunkIsRefused) {
  Start();
  Wire wire = Connect();
  wire.Send("POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n");
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 400);
  EXPECT_TRUE(wire.WaitClosed());
}

TEST_F(ProxyTest, BodiesThatAreNotJsonAreStreamedUp) {
  Start();
  std::string seen;
  AddWorker([&](auto& exchange) {
    seen = BodyOf(exchange.request);
    return Answer(exchange);
  });
  const std::string body(200'000, 'a');
  Wire wire = Connect();
  wire.Send("POST /models/m/v1/audio/transcriptions HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data\r\n"
            "Content-Length: 200000\r\n\r\n");
  wire.Send(body);
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 200);
  EXPECT_EQ(seen, body);
}

TEST_F(ProxyTest, AClientThatLeavesBeforeItsRequestBeganTakesItBack) {
  Start();
  Gate& arrived = NewGate();
  Gate& left = NewGate();
  std::atomic<int> begun{-1};
  AddWorker([&](auto& exchange) {
    arrived.Open();
    left.Wait();
    begun = exchange.Begin();
    return false;
  });
  Wire wire = Connect();
  wire.Send(Post());
  ASSERT_TRUE(arrived.Wait());
  wire.Reset();
  EXPECT_TRUE(AllQuiet());
  left.Open();
  EXPECT_TRUE(Eventually([&] { return begun >= 0; }));
  EXPECT_EQ(begun, 0);
}

TEST_F(ProxyTest, AClientThatHalfClosesWhileItsRequestRunsClosesTheWorkersConnection) {
  Start();
  Gate& begun = NewGate();
  Gate& closed = NewGate();
  AddWorker([&](auto& exchange) {
    EXPECT_TRUE(exchange.Begin());
    begun.Open();
    EXPECT_TRUE(exchange.wire.WaitClosed());
    closed.Open();
    return false;
  });
  Wire wire = Connect();
  wire.Send(Post());
  ASSERT_TRUE(begun.Wait());
  wire.HalfClose();
  EXPECT_TRUE(closed.Wait());
  EXPECT_TRUE(AllQuiet());
}

TEST_F(ProxyTest, AClientThatLeavesTheQueueFreesItsPlace) {
  plan_.models[0].queue.max = 1;
  Start();
  Gate& release = NewGate();
  AddWorker([&](auto& exchange) { return exchange.Begin() && release.Wait() && exchange.Reply(200, "{}"); }, 1);
  Wire running = Connect();
  running.Send(Post());
  ASSERT_TRUE(Eventually([&] { return workers_[0]->endpoint->in_flight == 1; }));
  Wire waiting = Connect();
  waiting.Send(Post());
  auto& in_queue = metrics_.Gauge("requests_waiting", {{"model", "m"}});
  ASSERT_TRUE(Eventually([&] { return in_queue.Value() == 1; }));
  EXPECT_EQ(StatusOf(Ask(Post())), 429);
  waiting.Close();
  ASSERT_TRUE(Eventually([&] { return in_queue.Value() == 0; }));
  release.Open();
  EXPECT_EQ(StatusOf(Ask(Post())), 200);
}

TEST_F(ProxyTest, ADeathBeforeTheRequestBeganIsRetriedElsewhere) {
  Start();
  auto dies = [](auto&) { return false; };
  AddWorker(dies);
  AddWorker(Answer);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(StatusOf(Ask(Post())), 200) << i;
  EXPECT_GT(workers_[0]->requests, 0);
  EXPECT_TRUE(AllQuiet());
}

TEST_F(ProxyTest, ADeathAfterTheRequestBeganIsNeverRetried) {
  Start();
  AddWorker([](auto& exchange) { return !exchange.Begin(); });
  AddWorker([](auto& exchange) { return !exchange.Begin(); });
  const std::string answer = Ask(Post());
  EXPECT_EQ(StatusOf(answer), 502);
  EXPECT_NE(answer.find("\"worker_lost\""), std::string::npos);
  EXPECT_EQ(HeaderOf(answer, "x-should-retry"), "false");
  EXPECT_EQ(workers_[0]->requests + workers_[1]->requests, 1);
  EXPECT_TRUE(AllQuiet());
}

TEST_F(ProxyTest, AReplicaThatNobodyListensForIsSkipped) {
  Start();
  AddWorker(Answer);
  AddDeadWorker(7);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(StatusOf(Ask(Post())), 200) << i;
}

TEST_F(ProxyTest, ReplicasThatAllRefuseDoNotKeepTheThreadFromOthers) {
  plan_.server.threads = 1;
  Start();
  AddDeadWorker(6);
  AddDeadWorker(7);
  EXPECT_EQ(StatusOf(Ask(Post(kBody, "X-Deadline-Ms: 50\r\n"))), 504);
  EXPECT_EQ(StatusOf(Ask(Get("/health/live"))), 200);
}

TEST_F(ProxyTest, WithNowhereToGoTheClientMayRetryItself) {
  Start();
  AddWorker([](auto&) { return false; });
  const std::string answer = Ask(Post());
  EXPECT_EQ(StatusOf(answer), 503);
  EXPECT_EQ(HeaderOf(answer, "x-should-retry"), "true");
  EXPECT_NE(HeaderOf(answer, "Retry-After"), "");
}

TEST_F(ProxyTest, AWorkersClaimLostNeverReachesAClient) {
  Start();
  AddWorker([](auto& exchange) { return exchange.Reply(409, "claim_lost"); });
  AddWorker(Answer);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(StatusOf(Ask(Post())), 200) << i;
}

TEST_F(ProxyTest, AnAnswerThatIsNotHttpIsA502) {
  Start();
  AddWorker([](auto& exchange) {
    exchange.Begin();
    exchange.wire.Send("SSH-2.0-OpenSSH\r\n\r\n");
    return false;
  });
  const std::string answer = Ask(Post());
  EXPECT_EQ(StatusOf(answer), 502);
  EXPECT_NE(answer.find("worker_protocol"), std::string::npos);
}

TEST_F(ProxyTest, ADeathInTheMiddleOfASmallAnswerIsStillAProperError) {
  Start();
  AddWorker([](auto& exchange) {
    exchange.Begin();
    exchange.wire.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    return false;
  });
  EXPECT_EQ(StatusOf(Ask(Post())), 502);
}

TEST_F(ProxyTest, ADeathInTheMiddleOfALargeAnswerResetsTheConnection) {
  Start();
  AddWorker([](auto& exchange) {
    exchange.Begin();
    exchange.wire.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    return false;
  });
  Wire wire = Connect();
  wire.Send(Post());
  const std::string answer = wire.ReadToEnd();
  EXPECT_EQ(BodyOf(answer).find("0\r\n\r\n"), std::string::npos);
  EXPECT_TRUE(wire.was_reset());
}

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST_F(ProxyTest, AnEventStreamIsRelayedWhole) {
  Start();
  AddWorker([](auto& exchange) {
    exchange.Begin();
    exchange.wire.Send(kStreamHead);
    exchange.wire.Send("9\r\ndata: 1\n\n\r\n5\r\ndata:\r\n4\r\n 2\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    return true;
  });
  const std::string answer = Ask(Post(kBody, "", "/v1/chat/completions"));
  EXPECT_NE(answer.find("\r\ndata: 1\n\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("data: 2\n\n"), std::string::npos) << answer;
  EXPECT_NE(answer.find("data: [DONE]\n\n"), std::string::npos) << answer;
}

TEST_F(ProxyTest, ADeathInMidStreamEndsWithAnErrorEventAndNoDone) {
  Start();
  AddWorker([](auto& exchange) {
    exchange.Begin();
    exchange.wire.Send(kStreamHead);
    exchange.wire.Send("9\r\ndata: 1\n\n\r\n8\r\ndata: {\"\r\n");
    return false;
  });
  Wire wire = Connect();
  wire.Send(Post(kBody, "", "/v1/chat/completions"));
  const std::string answer = wire.ReadToEnd();
  EXPECT_NE(answer.find("data: 1\n\n\r\n"), std::string::npos);
  EXPECT_NE(answer.find("\r\ndata: {\"error\":"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("[DONE]"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n0\r\n\r\n"));
  EXPECT_FALSE(wire.was_reset());
}

TEST_F(ProxyTest, ASilentStreamIsKeptAliveByComments) {
  options_.ping_every = 10ms;
  Start();
  Gate& pinged = NewGate();
  AddWorker([&](auto& exchange) {
    exchange.Begin();
    exchange.wire.Send(kStreamHead);
    exchange.wire.Send("9\r\ndata: 1\n\n\r\n");
    pinged.Wait();
    exchange.wire.Send("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    return true;
  });
  Wire wire = Connect();
  wire.Send(Post(kBody, "", "/v1/chat/completions"));
  EXPECT_TRUE(wire.ReadUntil([](const std::string& seen) {
    const std::size_t first = seen.find(": ping\n\n");
    return first != std::string::npos && seen.find(": ping\n\n", first + 1) != std::string::npos;
  }));
  pinged.Open();
  EXPECT_TRUE(wire.ReadMessage().ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
  EXPECT_GE(metrics_.Counter("sse_keepalives_total", {}).Value(), 2);
}

TEST_F(ProxyTest, AClientThatReadsItsAnswerSlowlyDoesNotMakeTheReplicaLookHung) {
  Start();
  const std::string large(32 * 1024 * 1024, 'a');
  FakeUpstream& worker = AddWorker([&](auto& exchange) { return exchange.Begin() && exchange.Reply(200, large); });
  Wire wire = Connect();
  wire.Send(Post());
  ASSERT_TRUE(wire.ReadUntil([](const std::string& seen) { return !seen.empty(); }));
  EXPECT_FALSE(worker.endpoint->claims->AnyBegun());
  EXPECT_EQ(worker.endpoint->in_flight, 1);
  EXPECT_EQ(BodyOf(wire.ReadMessage()).size(), large.size());
}

TEST_F(ProxyTest, AnHttp10ClientGetsAStreamUntilClose) {
  Start();
  AddWorker([](auto& exchange) {
    exchange.Begin();
    exchange.wire.Send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    return true;
  });
  Wire wire = Connect();
  wire.Send("POST /v1/embeddings HTTP/1.0\r\nHost: h\r\nContent-Length: 25\r\n\r\n" + kBody);
  const std::string answer = wire.ReadToEnd();
  EXPECT_EQ(BodyOf(answer), "abc");
  EXPECT_EQ(HeaderOf(answer, "Transfer-Encoding"), "");
  EXPECT_EQ(HeaderOf(answer, "Connection"), "close");
}

TEST_F(ProxyTest, AFullQueueIsA429WithRetryAfter) {
  plan_.models[0].queue.max = 0;
  Start();
  Gate& release = NewGate();
  AddWorker([&](auto& exchange) { return exchange.Begin() && release.Wait() && exchange.Reply(200, "{}"); }, 1);
  Wire running = Connect();
  running.Send(Post());
  ASSERT_TRUE(Eventually([&] { return workers_[0]->endpoint->in_flight == 1; }));
  const std::string answer = Ask(Post());
  EXPECT_EQ(StatusOf(answer), 429);
  EXPECT_NE(answer.find("\"queue_full\""), std::string::npos);
  EXPECT_GE(std::atoi(HeaderOf(answer, "Retry-After").c_str()), 1);
  release.Open();
  EXPECT_EQ(StatusOf(running.ReadMessage()), 200);
}

TEST_F(ProxyTest, WaitingEndsWithTheQueuesTimeout) {
  plan_.models[0].queue.timeout = 20ms;
  Start();
  launch::ModelCondition condition;
  condition.coming = true;
  condition.reason = "m: loading weights, 40 %";
  proxy_->Condition("m", condition);
  const std::string answer = Ask(Post());
  EXPECT_EQ(StatusOf(answer), 503);
  EXPECT_NE(answer.find("\"model_loading\""), std::string::npos);
  EXPECT_NE(answer.find("40 %"), std::string::npos);
}

TEST_F(ProxyTest, AnExpiredRequestIsNeverRun) {
  Start();
  Gate& answered = NewGate();
  std::atomic<int> begun{-1};
  AddWorker([&](auto& exchange) {
    answered.Wait();
    begun = exchange.Begin();
    return false;
  });
  const std::string answer = Ask(Post(kBody, "X-Deadline-Ms: 30\r\n"));
  answered.Open();
  EXPECT_EQ(StatusOf(answer), 504);
  EXPECT_NE(answer.find("\"deadline_exceeded\""), std::string::npos);
  EXPECT_TRUE(Eventually([&] { return begun >= 0; }));
  EXPECT_EQ(begun, 0);
}

TEST_F(ProxyTest, ARequestThatExpiredWhileItsBodyArrivedIsNeverOffered) {
  Start();
  FakeUpstream& worker = AddWorker(Answer);
  Wire wire = Connect();
  const std::string request = Post(kBody, "X-Deadline-Ms: 5\r\n");
  wire.Send(request.substr(0, request.size() - 1));
  const TimePoint expired = Clock::now() + 50ms;
  ASSERT_TRUE(Eventually([&] { return Clock::now() > expired; }));
  wire.Send(request.substr(request.size() - 1));
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 504);
  EXPECT_EQ(worker.requests, 0);
}

TEST_F(ProxyTest, TheBodysTimeoutIsADeadlineToo) {
  Start();
  Gate& release = NewGate();
  AddWorker([&](auto&) { return !release.Wait(); });
  EXPECT_EQ(StatusOf(Ask(Post(R"({"model":"m","timeout_ms":30})", "X-Deadline-Ms: 60000\r\n"))), 504);
  release.Open();
  const std::string wrong = Ask(Post(R"({"model":"m","timeout_ms":0})"));
  EXPECT_EQ(StatusOf(wrong), 400);
  EXPECT_NE(wrong.find("\"param\":\"timeout_ms\""), std::string::npos) << wrong;
}

TEST_F(ProxyTest, ADeadlineThatPassesWhileRunningCancelsTheWorker) {
  Start();
  Gate& closed = NewGate();
  AddWorker([&](auto& exchange) {
    exchange.Begin();
    EXPECT_TRUE(exchange.wire.WaitClosed());
    closed.Open();
    return false;
  });
  EXPECT_EQ(StatusOf(Ask(Post(kBody, "X-Deadline-Ms: 200\r\n"))), 504);
  EXPECT_TRUE(closed.Wait());
}

TEST_F(ProxyTest, AClosingReplicasOfferedRequestsGoElsewhereAndItsBegunOnesGoOn) {
  Start();
  Gate& offered = NewGate();
  Gate& begun = NewGate();
  Gate& release = NewGate();
  std::atomic<bool> begins{true};
  FakeUpstream& closing = AddWorker([&](auto& exchange) {
    if (begins.exchange(false)) {
      exchange.Begin();
      begun.Open();
      return release.Wait() && exchange.Reply(200, "begun");
    }
    offered.Open();
    return release.Wait() && exchange.Begin() && exchange.Reply(200, "run twice");
  });
  Wire first = Connect();
  first.Send(Post());
  ASSERT_TRUE(begun.Wait());
  Wire second = Connect();
  second.Send(Post());
  ASSERT_TRUE(offered.Wait());
  AddWorker([](auto& exchange) { return exchange.Begin() && exchange.Reply(200, "elsewhere"); });
  proxy_->Closing(closing.endpoint);
  EXPECT_EQ(BodyOf(second.ReadMessage()), "elsewhere");
  release.Open();
  EXPECT_EQ(BodyOf(first.ReadMessage()), "begun");
}

TEST_F(ProxyTest, ADeadReplicasRequestsEndThoughItsSocketStaysOpen) {
  Start();
  Gate& begun = NewGate();
  Gate& release = NewGate();
  FakeUpstream& hung = AddWorker([&](auto& exchange) {
    exchange.Begin();
    begun.Open();
    release.Wait();
    return false;
  });
  Wire wire = Connect();
  wire.Send(Post());
  ASSERT_TRUE(begun.Wait());
  proxy_->Down(hung.endpoint);
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 502);
  EXPECT_TRUE(AllQuiet());
  release.Open();
}

TEST_F(ProxyTest, DrainRefusesNewRequestsAndFinishesRunningOnes) {
  Start();
  Gate& begun = NewGate();
  Gate& release = NewGate();
  AddWorker([&](auto& exchange) {
    exchange.Begin();
    begun.Open();
    return release.Wait() && exchange.Reply(200, "{}");
  });
  Wire idle = Connect();
  idle.Send(Get("/health/ready"));
  EXPECT_EQ(StatusOf(idle.ReadMessage()), 200);
  Wire running = Connect();
  running.Send(Post());
  ASSERT_TRUE(begun.Wait());
  proxy_->BeginDrain();
  EXPECT_TRUE(idle.WaitClosed());
  const std::string refused = Ask(Post());
  EXPECT_EQ(StatusOf(refused), 503);
  EXPECT_NE(refused.find("\"draining\""), std::string::npos);
  EXPECT_EQ(StatusOf(Ask(Get("/health/ready"))), 503);
  EXPECT_EQ(StatusOf(Ask(Get("/health/live"))), 200);
  EXPECT_TRUE(Eventually([&] { return proxy_->requests_open() == 1; }));
  release.Open();
  EXPECT_EQ(StatusOf(running.ReadMessage()), 200);
  EXPECT_TRUE(AllQuiet());
}

TEST_F(ProxyTest, StopEndsRunningAndWaitingRequests) {
  Start();
  Gate& begun = NewGate();
  AddWorker([&](auto& exchange) {
    exchange.Begin();
    begun.Open();
    return !exchange.wire.WaitClosed();
  }, 1);
  Wire running = Connect();
  running.Send(Post());
  ASSERT_TRUE(begun.Wait());
  Wire waiting = Connect();
  waiting.Send(Post());
  ASSERT_TRUE(Eventually([&] { return proxy_->requests_open() == 2; }));
  proxy_->Stop();
  EXPECT_EQ(proxy_->requests_open(), 0);
  EXPECT_EQ(workers_[0]->endpoint->in_flight, 0);
}

TEST_F(ProxyTest, OwnRoutesNeedNoReplica) {
  Start();
  EXPECT_EQ(StatusOf(Ask(Get("/health/live"))), 200);
  EXPECT_EQ(StatusOf(Ask(Get("/v2/health/live"))), 200);
  EXPECT_EQ(StatusOf(Ask(Get("/health"))), 503);
  EXPECT_EQ(StatusOf(Ask(Get("/health/ready?model=nope"))), 404);
  EXPECT_NE(Ask(Get("/version")).find("\"version\""), std::string::npos);
  EXPECT_NE(Ask(Get("/v1/models")).find("\"id\":\"m\""), std::string::npos);
  EXPECT_EQ(Ask(Get("/v1/models?ready=1")).find("\"id\":\"m\""), std::string::npos);
  EXPECT_NE(Ask(Get("/v1/models/alias")).find("\"status\":\"unloaded\""), std::string::npos);
  EXPECT_EQ(StatusOf(Ask(Get("/v1/models/nope"))), 404);
  const std::string post = Ask(Post());
  EXPECT_EQ(StatusOf(post), 503);
  EXPECT_NE(post.find("\"model_unavailable\""), std::string::npos);
  const std::string metrics = Ask(Get("/metrics"));
  EXPECT_EQ(HeaderOf(metrics, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(metrics.find("berth_http_requests_total{"), std::string::npos);
  AddWorker(Answer);
  EXPECT_EQ(StatusOf(Ask(Get("/health/ready"))), 200);
  EXPECT_NE(Ask(Get("/v1/models?ready=1")).find("\"status\":\"ready\""), std::string::npos);
}

TEST_F(ProxyTest, HeadAnswersWithoutABody) {
  Start();
  Wire wire = Connect();
  wire.Send("HEAD /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string answer = wire.ReadToEnd();
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_EQ(BodyOf(answer), "");
}

TEST_F(ProxyTest, TooLargeBodiesAreRefusedBeforeUpload) {
  Start();
  Wire wire = Connect();
  wire.Send("POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n");
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 413);
}

TEST_F(ProxyTest, ExpectIsAnsweredByTheProxy) {
  Start();
  std::string seen;
  AddWorker([&](auto& exchange) {
    seen = exchange.request;
    return Answer(exchange);
  });
  Wire wire = Connect();
  wire.Send("POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 25\r\n\r\n");
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 100);
  wire.Send(kBody);
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 200);
  EXPECT_EQ(HeaderOf(seen, "Expect"), "");
}

constexpr std::string_view kUploadHead =
    "POST /models/m/v1/audio/transcriptions HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n";

TEST_F(ProxyTest, AStreamedUploadIsToldToComeOnlyWhenThereIsAPlace) {
  Start();
  const std::string asks = std::string(kUploadHead) + "Expect: 100-continue\r\n\r\n";
  EXPECT_EQ(StatusOf(Ask(asks)), 503) << "no replica";
  AddWorker(Answer);
  Wire wire = Connect();
  wire.Send(asks);
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 100);
  wire.Send("1\r\na\r\n0\r\n\r\n");
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 200);
}

TEST_F(ProxyTest, AStreamedUploadHasTheBoundsOfAnyBody) {
  plan_.server.max_body = Bytes{10};
  plan_.server.body_timeout = 30ms;
  Start();
  AddWorker(Answer);
  const std::string head = std::string(kUploadHead) + "\r\n";
  EXPECT_EQ(StatusOf(Ask(head + "b\r\n12345678901\r\n0\r\n\r\n")), 413);
  EXPECT_EQ(StatusOf(Ask(head + "zz\r\n")), 400);
  EXPECT_EQ(StatusOf(Ask(head + "5\r\n123")), 408);
  const std::string long_head = "POST /models/m/v1/audio/transcriptions HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n";
  EXPECT_EQ(StatusOf(Ask(long_head)), 413);
  EXPECT_TRUE(AllQuiet());
}

TEST_F(ProxyTest, SlowHeadsAndBodiesAreA408) {
  plan_.server.header_timeout = 30ms;
  plan_.server.body_timeout = 30ms;
  Start();
  EXPECT_EQ(StatusOf(Ask("GET /health HT")), 408);
  EXPECT_EQ(StatusOf(Ask("POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nContent-Length: 25\r\n\r\n{")), 408);
}

TEST_F(ProxyTest, BeyondTheLimitOfConnectionsClientsAreTurnedAway) {
  plan_.server.max_connections = 1;
  Start();
  Wire first = Connect();
  first.Send(Get("/health/live"));
  EXPECT_EQ(StatusOf(first.ReadMessage()), 200);
  Wire second = Connect();
  EXPECT_EQ(StatusOf(second.ReadMessage()), 503);
}

TEST_F(ProxyTest, APortInUseIsOneClearMessage) {
  Start();
  config::Plan other = plan_;
  const std::string address = proxy_->addresses().front();
  other.server.listen.port = static_cast<std::uint16_t>(std::atoi(address.substr(address.rfind(':') + 1).c_str()));
  observe::Metrics metrics;
  Proxy second(other, metrics);
  const Status status = second.Listen();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, ErrorKind::kConflict);
  EXPECT_NE(status.error().message.find(address), std::string::npos);
}

TEST_F(ProxyTest, MalformedRequestsAreRefusedAndClosed) {
  Start();
  for (const auto& request : berth::testing::kMalformedRequests) {
    Wire wire = Connect();
    wire.Send(BytesOf(request));
    wire.HalfClose();
    const std::string answer = wire.ReadToEnd();
    EXPECT_EQ(StatusOf(answer), request.status) << request.name;
    EXPECT_NE(answer.find("\"code\":\"" + std::string(request.code) + "\""), std::string::npos) << request.name;
    EXPECT_FALSE(wire.was_reset()) << request.name;
  }
  EXPECT_TRUE(AllQuiet());
}

}  // namespace
}  // namespace berth::route
