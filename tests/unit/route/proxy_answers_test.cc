#include "proxy_fixture.h"

namespace berth::route {
namespace {

using ProxyAnswers = ProxyTest;

TEST_F(ProxyAnswers, RelaysAnAnswerWithTheHeadersThatClientsExpect) {
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

TEST_F(ProxyAnswers, AnAnswerThatIsNotHttpIsA502) {
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

TEST_F(ProxyAnswers, ADeathInTheMiddleOfASmallAnswerIsStillAProperError) {
  Start();
  AddWorker([](auto& exchange) {
    exchange.Begin();
    exchange.wire.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    return false;
  });
  EXPECT_EQ(StatusOf(Ask(Post())), 502);
}

TEST_F(ProxyAnswers, ADeathInTheMiddleOfALargeAnswerResetsTheConnection) {
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

TEST_F(ProxyAnswers, AnEventStreamIsRelayedWhole) {
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

TEST_F(ProxyAnswers, ADeathInMidStreamEndsWithAnErrorEventAndNoDone) {
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

TEST_F(ProxyAnswers, ASilentStreamIsKeptAliveByComments) {
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

TEST_F(ProxyAnswers, AClientThatReadsItsAnswerSlowlyDoesNotMakeTheReplicaLookHung) {
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

TEST_F(ProxyAnswers, AnHttp10ClientGetsAStreamUntilClose) {
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

}  // namespace
}  // namespace berth::route
