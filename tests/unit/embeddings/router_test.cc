#include "worker/serve/router.h"

#include "tests/unit/embeddings/router_fixture.h"

namespace asio = boost::asio;

namespace berth::serve {
namespace {

using nlohmann::json;

class RouterTest : public RouterFixture {
 protected:
  RouterTest() : RouterFixture({{.name = "m", .max_tokens = 8, .vocab_size = 10}, 2}) {}

  std::vector<float> Compute(const engine::Sequence& sequence) override {
    return {static_cast<float>(sequence.ids[0]), static_cast<float>(sequence.ids.size())};
  }
};

TEST_F(RouterTest, EmbeddingsAreAnsweredWithTheirHeaders) {
  auto request =
      Request("/v1/embeddings", R"({"input":["hello","hello world"],"normalize":false,"model":"theirs"})");
  request->head.fields.push_back({"x-request-id", "id-1"});
  const auto reply = Send(request);
  ASSERT_EQ(reply.status, 200) << reply.body;
  const auto body = json::parse(reply.body);
  EXPECT_EQ(body["data"][1]["embedding"], json({2.0, 4.0}));
  EXPECT_EQ(body["usage"]["prompt_tokens"], 7);
  EXPECT_EQ(body["model"], "theirs");
  EXPECT_EQ(FieldOf(reply, "x-prompt-tokens"), "7");
  EXPECT_EQ(FieldOf(reply, "x-request-id"), "id-1");
  EXPECT_NE(FieldOf(reply, "x-inference-ms"), "");
  EXPECT_NE(FieldOf(reply, "openai-processing-ms"), "");
  EXPECT_EQ(FieldOf(reply, "content-type"), "application/json");
}

TEST_F(RouterTest, TheModelThatTheProxyDecidedIsEchoed) {
  auto request = Request("/v1/embeddings", R"({"input":"hello","model":"body"})");
  request->head.fields.push_back({"X-Berth-Model-Requested", "alias"});
  EXPECT_EQ(json::parse(Send(request).body)["model"], "alias");
  EXPECT_EQ(json::parse(Send(Request("/v1/embeddings", R"({"input":"hello"})")).body)["model"], "m");
}

TEST_F(RouterTest, UnknownRoutesAndMethodsAreRefused) {
  EXPECT_EQ(Send(Request("/v1/chat/completions", "{}")).status, 404);
  const auto rerank = Send(Request("/v1/rerank", R"({"query":"hello","documents":["world"]})"));
  EXPECT_EQ(rerank.status, 404);
  EXPECT_NE(rerank.body.find("embeds texts, by /v1/embeddings, /embed, /tokenize"), std::string::npos)
      << rerank.body;
  auto get = Request("/v1/embeddings", "");
  get->head.method = "GET";
  const auto reply = Send(get);
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(FieldOf(reply, "allow"), "POST");
}

TEST_F(RouterTest, TheClaimIsBegunOnceForTheWholeRequest) {
  const auto claim = table->Offer();
  auto request = Request("/v1/embeddings", R"({"input":["hello","hello","hello"]})");
  request->head.fields.push_back({"X-Berth-Claim", FormatClaim(*claim)});
  EXPECT_EQ(Send(request).status, 200);
  EXPECT_TRUE(table->IsBegun(*claim));
  EXPECT_EQ(service.begun, 1u);
}

TEST_F(RouterTest, ARevokedClaimIsNotRun) {
  for (const std::string path : {"/v1/embeddings", "/tokenize"}) {
    const auto claim = table->Offer();
    ASSERT_TRUE(table->TryRevoke(*claim));
    auto request = Request(path, R"({"input":"hello","prompt":"hello"})");
    request->head.fields.push_back({"X-Berth-Claim", FormatClaim(*claim)});
    const auto reply = Send(request);
    EXPECT_EQ(reply.status, 409);
    EXPECT_EQ(CodeOf(reply), "claim_lost");
  }
  EXPECT_EQ(service.begun, 0u);
  EXPECT_FALSE(entered.try_acquire()) << "the model has seen it";
}

TEST_F(RouterTest, AMalformedClaimIsNotRun) {
  auto request = Request("/v1/embeddings", R"({"input":"hello"})");
  request->head.fields.push_back({"X-Berth-Claim", "7"});
  EXPECT_EQ(Send(request).status, 409);
}

TEST_F(RouterTest, ABadRequestLeavesItsClaimAlone) {
  const auto claim = table->Offer();
  auto request = Request("/v1/embeddings", R"({"input":""})");
  request->head.fields.push_back({"X-Berth-Claim", FormatClaim(*claim)});
  EXPECT_EQ(Send(request).status, 400);
  EXPECT_FALSE(table->IsBegun(*claim));
}

TEST_F(RouterTest, AClientThatLeavesCancelsWhatWaits) {
  const auto reply = LeaveWhileWaiting(Request("/v1/embeddings", R"({"input":"hello"})"));
  EXPECT_EQ(CodeOf(reply), "cancelled");
  EXPECT_EQ(service.begun, 0u);
}

TEST_F(RouterTest, AFailedInferenceIsA500WithoutDetails) {
  answer = MakeError(ErrorKind::kInternal, "secret path");
  const auto reply = Send(Request("/v1/embeddings", R"({"input":"hello"})"));
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body.find("secret"), std::string::npos);
}

TEST_F(RouterTest, ABatchOverTheMemoryBudgetIsA503WithTheNumbersAndTheNextRequestIsServed) {
  answer = MakeError(ErrorKind::kUnavailable, "24 MiB more asked for");
  const auto reply = Send(Request("/v1/embeddings", R"({"input":"hello"})"));
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(CodeOf(reply), "over_budget");
  EXPECT_NE(reply.body.find("24 MiB more asked for"), std::string::npos) << reply.body;
  EXPECT_EQ(FieldOf(reply, "retry-after"), "1");
  answer = Ok();
  EXPECT_EQ(Send(Request("/v1/embeddings", R"({"input":"hello"})")).status, 200);
}

TEST_F(RouterTest, ABodyIsCountedWhileItArrivesAndByItsRequestFromThenOn) {
  auto request = Request("/v1/embeddings", R"({"input":"hello"})");
  request->memory = router.MemoryForBody();
  EXPECT_TRUE(request->memory->Grow(1000));
  EXPECT_EQ(budget.taken(), 1000u);
  EXPECT_FALSE(request->memory->Grow(MiB(1).count));
  EXPECT_EQ(Send(request).status, 200);
  EXPECT_LT(budget.taken(), 1000u) << "the body alone, or nothing any more";
  auto unkept = Request("/v1/embeddings", "");
  unkept->unkept = MiB(24).count;
  const auto reply = Send(unkept);
  EXPECT_EQ(CodeOf(reply), "over_budget");
  EXPECT_NE(reply.body.find("24 MiB more asked for"), std::string::npos) << reply.body;
}

TEST_F(RouterTest, ABodyOrItsVectorsThatDoNotFitIntoTheBudgetAreRefusedAsTheRequestsAnswer) {
  const std::string body = R"({"input":["hello","hello","hello"]})";
  for (const std::uint64_t room : {body.size() - 1, body.size()}) {  // the body alone fits, with the vectors it does not
    const auto claim = table->Offer();
    ASSERT_TRUE(budget.Take(MiB(1).count - room));
    auto request = Request("/v1/embeddings", body);
    request->head.fields.push_back({"X-Berth-Claim", FormatClaim(*claim)});
    const auto reply = Send(request);
    exchange.leave = nullptr;  // as the server does when a request is over
    EXPECT_EQ(CodeOf(reply), "over_budget") << room;
    EXPECT_TRUE(table->IsBegun(*claim)) << "else the supervisor would try it elsewhere";
    EXPECT_EQ(budget.taken(), MiB(1).count - room) << "what it held is given back";
    budget.Give(MiB(1).count - room);
  }
  EXPECT_FALSE(entered.try_acquire()) << "the model has seen it";
  EXPECT_EQ(Send(Request("/v1/embeddings", body)).status, 200);
  exchange.leave = nullptr;
  // The compute thread lets go of a job after its reply.
  for (const TimePoint end = Clock::now() + std::chrono::seconds(10); budget.taken() != 0 && Clock::now() < end;) {
    std::this_thread::yield();
  }
  EXPECT_EQ(budget.taken(), 0u);
}

TEST_F(RouterTest, DrainingRefusesNewRequestsAndWaitsForTheOthers) {
  hold = true;
  Start(Request("/v1/embeddings", R"({"input":"hello"})"));
  std::thread loop([this] { io.run(); });
  entered.acquire();
  bool idle = false;
  asio::post(io, [&] { router.Drain([&] { idle = true; }); });
  std::optional<http::Response> refused;
  auto asking = Ask(router, Request("/v1/embeddings", R"({"input":"hello"})"), exchange, refused);
  std::binary_semaphore answered{0};
  asio::co_spawn(io, std::move(asking), [&](std::exception_ptr) {
    EXPECT_FALSE(idle);
    answered.release();
  });
  answered.acquire();
  EXPECT_EQ(CodeOf(*refused), "draining");
  EXPECT_EQ(refused->status, 503);
  proceed.release();
  loop.join();
  EXPECT_TRUE(idle);
  EXPECT_EQ(response->status, 200);
}

TEST_F(RouterTest, TheTextRoutesAnswer) {
  EXPECT_EQ(json::parse(Send(Request("/tokenize", R"({"prompt":"hello"})")).body)["count"], 3);
  EXPECT_EQ(json::parse(Send(Request("/detokenize", R"({"tokens":[5]})")).body)["prompt"], "hello");
  EXPECT_EQ(Send(Request("/embed", R"({"inputs":"hello","normalize":false})")).body, "[[2,3]]");
  EXPECT_EQ(Send(Request("/embed", R"({"input":"hello"})")).status, 400);
  const std::string too_long = R"({"inputs":["hello",")" + std::string(2000, '!') + R"("]})";
  const auto refused = nlohmann::json::parse(Send(Request("/embed", too_long)).body);
  EXPECT_EQ(refused["error"]["param"], "inputs[1]") << "as this dialect calls it";
}

}  // namespace
}  // namespace berth::serve
