#include "proxy_fixture.h"
#include "tests/support/malformed_requests.h"

namespace berth::route {
namespace {

using ProxyRequests = ProxyTest;

TEST_F(ProxyRequests, ServesPipelinedRequestsInOrderOverOneUpstreamConnection) {
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

TEST_F(ProxyRequests, ChunkedRequestBodiesReachTheWorkerWhole) {
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

TEST_F(ProxyRequests, AMalformedChunkIsRefused) {
  Start();
  Wire wire = Connect();
  wire.Send("POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n");
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 400);
  EXPECT_TRUE(wire.WaitClosed());
}

TEST_F(ProxyRequests, BodiesThatAreNotJsonAreStreamedUp) {
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

TEST_F(ProxyRequests, OwnRoutesNeedNoReplica) {
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

TEST_F(ProxyRequests, HeadAnswersWithoutABody) {
  Start();
  Wire wire = Connect();
  wire.Send("HEAD /health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string answer = wire.ReadToEnd();
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_EQ(BodyOf(answer), "");
}

TEST_F(ProxyRequests, TooLargeBodiesAreRefusedBeforeUpload) {
  Start();
  Wire wire = Connect();
  wire.Send("POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n");
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 413);
}

TEST_F(ProxyRequests, ExpectIsAnsweredByTheProxy) {
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

TEST_F(ProxyRequests, AStreamedUploadIsToldToComeOnlyWhenThereIsAPlace) {
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

TEST_F(ProxyRequests, AStreamedUploadHasBoundsOfItsOwn) {
  plan_.server.max_upload = Bytes{10};
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

std::string Part(const std::string& name, const std::string& data) {
  return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + data + "\r\n";
}

std::string FormHead(const std::string& framing) {
  return "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=b\r\n" + framing + "\r\n";
}

std::string FormHead(std::size_t length) { return FormHead("Content-Length: " + std::to_string(length) + "\r\n"); }

const std::string kAudio(300'000, '\n');

TEST_F(ProxyRequests, AFormNamesItsModelWhereverTheFieldStands) {
  Start();
  std::string seen;
  AddWorker([&](auto& exchange) {
    seen = exchange.request;
    return Answer(exchange);
  });
  for (const std::string& body : {Part("file", kAudio) + Part("model", "alias") + "--b--\r\n",
                                  Part("model", "m") + Part("file", kAudio) + "--b--\r\n"}) {
    Wire wire = Connect();
    wire.Send(FormHead(body.size()) + body);
    EXPECT_EQ(StatusOf(wire.ReadMessage()), 200);
    EXPECT_EQ(BodyOf(seen), body);
    EXPECT_EQ(HeaderOf(seen, "X-Berth-Model"), "m");
    wire.Send(FormHead(body.size()) + body);
    EXPECT_EQ(StatusOf(wire.ReadMessage()), 200) << "the connection goes on";
  }
}

TEST_F(ProxyRequests, AFormIsSentOnAsSoonAsItsModelIsKnown) {
  Start();
  std::string seen;
  AddWorker([&](auto& exchange) {
    seen = BodyOf(exchange.request);
    return Answer(exchange);
  });
  const std::string first = Part("model", "m"), rest = Part("file", kAudio) + "--b--";
  Wire wire = Connect();
  wire.Send(FormHead("Expect: 100-continue\r\nContent-Length: " + std::to_string(first.size() + rest.size()) + "\r\n"));
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 100);
  wire.Send(first + "--b");
  EXPECT_TRUE(Eventually([&] {
    return Ask(Get("/metrics")).find("berth_requests_running{model=\"m\"} 1\n") != std::string::npos;
  })) << "it is with the replica";
  wire.Send(rest.substr(3));
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 200);
  EXPECT_EQ(seen, first + rest);
}

TEST_F(ProxyRequests, AFormInChunksIsSentOnAsAWhole) {
  Start();
  std::string seen;
  AddWorker([&](auto& exchange) {
    seen = BodyOf(exchange.request);
    return Answer(exchange);
  });
  const std::string body = Part("model", "m") + Part("file", "audio") + "--b--";
  Wire wire = Connect();
  wire.Send(FormHead("Transfer-Encoding: chunked\r\n"));
  for (const char c : body) wire.Send("1\r\n" + std::string(1, c) + "\r\n");
  wire.Send("0\r\n\r\n");
  EXPECT_EQ(StatusOf(wire.ReadMessage()), 200);
  EXPECT_EQ(seen, body);
}

TEST_F(ProxyRequests, AFormWhoseModelCannotBeToldIsRefused) {
  Start();
  AddWorker(Answer);
  const auto refused = [this](const std::string& body, const std::string& what) {
    const std::string answer = Ask(FormHead(body.size()) + body);
    EXPECT_NE(answer.find(what), std::string::npos) << answer;
    return StatusOf(answer);
  };
  EXPECT_EQ(refused(Part("file", "x") + "--b--", "missing_model"), 400);
  EXPECT_EQ(refused(Part("file", "x") + Part("model", "nope") + "--b--", "model_not_found"), 404);
  EXPECT_EQ(refused(Part("file", "x") + Part("model", std::string(600, 'a')) + "--b--", "invalid_model"), 400);
  EXPECT_EQ(refused(Part("file", "x"), "invalid_form"), 400);
  EXPECT_EQ(refused("{\"model\":\"m\"}", "does not begin with its boundary"), 400);
  EXPECT_EQ(StatusOf(Ask("POST /v1/audio/transcriptions HTTP/1.1\r\nHost: h\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}")), 400);
  EXPECT_EQ(refused(Part("file", std::string(600'000, 'x')) + Part("model", "m") + "--b--", "512 KiB"), 413);
  const std::string chunked = Ask(FormHead("Transfer-Encoding: chunked\r\n") + "927c0\r\n" + Part("file", std::string(600'000, 'x')));
  EXPECT_EQ(StatusOf(chunked), 413);
  EXPECT_TRUE(AllQuiet());
}

TEST_F(ProxyRequests, SlowHeadsAndBodiesAreA408) {
  plan_.server.header_timeout = 30ms;
  plan_.server.body_timeout = 30ms;
  Start();
  EXPECT_EQ(StatusOf(Ask("GET /health HT")), 408);
  EXPECT_EQ(StatusOf(Ask("POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nContent-Length: 25\r\n\r\n{")), 408);
}

TEST_F(ProxyRequests, BeyondTheLimitOfConnectionsClientsAreTurnedAway) {
  plan_.server.max_connections = 1;
  Start();
  Wire first = Connect();
  first.Send(Get("/health/live"));
  EXPECT_EQ(StatusOf(first.ReadMessage()), 200);
  Wire second = Connect();
  EXPECT_EQ(StatusOf(second.ReadMessage()), 503);
}

TEST_F(ProxyRequests, APortInUseIsOneClearMessage) {
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

TEST_F(ProxyRequests, MalformedRequestsAreRefusedAndClosed) {
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
