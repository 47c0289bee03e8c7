#include "proxy_fixture.h"

namespace berth::route {
namespace {

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

}  // namespace
}  // namespace berth::route
