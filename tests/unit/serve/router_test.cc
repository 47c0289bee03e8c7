#include "worker/serve/router.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <semaphore>

#include "tests/unit/serve/tiny_tokenizer.h"

namespace asio = boost::asio;

namespace berth::serve {
namespace {

using nlohmann::json;

class FakeExchange : public http::Exchange {
 public:
  explicit FakeExchange(asio::io_context& io) : socket_(io) {}
  http::Socket& socket() override { return socket_; }
  asio::awaitable<bool> BeginStream(int, std::vector<http::Field>) override { co_return false; }
  asio::awaitable<bool> WriteChunk(std::string) override { co_return false; }
  asio::awaitable<void> EndStream() override { co_return; }
  void OnGone(std::function<void()> callback) override { leave = std::move(callback); }
  bool gone() const override { return false; }

  std::function<void()> leave;

 private:
  http::Socket socket_;
};

asio::awaitable<void> Ask(Router& router, std::shared_ptr<http::Request> request, http::Exchange& exchange,
                          std::optional<http::Response>& response) {
  auto handling = router.Handle(std::move(request), exchange);
  response = co_await std::move(handling);
}

class RouterTest : public testing::Test {
 protected:
  static engine::Engine::Options EngineOptions() {
    engine::Engine::Options options;
    options.limits = {100, 8, {}};
    options.dimensions = 2;
    return options;
  }

  // {first id, length} for each sequence.
  Status Encode(std::span<const engine::Sequence> sequences, const engine::Sink& sink) {
    entered.release();
    if (hold) proceed.acquire();
    if (!answer) return answer.error();
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const float vector[] = {static_cast<float>(sequences[i].ids[0]),
                              static_cast<float>(sequences[i].ids.size())};
      sink(i, vector);
    }
    return Ok();
  }

  std::shared_ptr<http::Request> Request(const std::string& path, const std::string& body) {
    auto request = std::make_shared<http::Request>();
    request->head.method = "POST";
    request->head.path = request->head.target = path;
    request->body = body;
    return request;
  }

  void Start(std::shared_ptr<http::Request> request) {
    auto asking = Ask(router, std::move(request), exchange, response);
    asio::co_spawn(io, std::move(asking), [](std::exception_ptr error) { EXPECT_FALSE(error); });
  }

  http::Response Finish() {
    io.restart();
    io.run();
    EXPECT_TRUE(response);
    return response ? *response : http::Response{};
  }

  http::Response Send(std::shared_ptr<http::Request> request) {
    response.reset();
    Start(std::move(request));
    return Finish();
  }

  static std::string FieldOf(const http::Response& response, std::string_view name) {
    for (const auto& field : response.fields) {
      if (http::EqualsIgnoreCase(field.name, name)) return field.value;
    }
    return "";
  }

  static std::string CodeOf(const http::Response& response) {
    return json::parse(response.body)["error"]["code"].get<std::string>();
  }

  bool hold = false;
  Status answer = Ok();
  std::counting_semaphore<> entered{0};
  std::counting_semaphore<> proceed{0};

  ModelFacts facts{.name = "m", .dimensions = 2, .max_tokens = 8, .vocab_size = 10};
  std::unique_ptr<text::Tokenizer> tokenizer = MakeTinyTokenizer();
  engine::Metrics metrics;
  engine::Engine engine{[this](auto sequences, const auto& sink) { return Encode(sequences, sink); },
                        EngineOptions(), metrics};
  std::unique_ptr<protocol::ClaimTable> table = std::move(*protocol::ClaimTable::Create(4));
  std::unique_ptr<protocol::ClaimView> claims = std::move(*protocol::ClaimView::Map(Fd(::dup(table->fd()))));
  asio::thread_pool pool{2};
  Service service{facts, *tokenizer, engine, *claims, metrics, pool};
  Router router{service};
  asio::io_context io{1};
  FakeExchange exchange{io};
  std::optional<http::Response> response;
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
  hold = true;
  auto first = std::make_shared<engine::Job>();
  first->inputs = {{1}};
  first->ended = [](engine::JobEnd) {};
  engine.Submit(first);
  entered.acquire();  // the compute thread is busy
  Start(Request("/v1/embeddings", R"({"input":"hello"})"));
  io.poll();
  ASSERT_TRUE(exchange.leave);
  exchange.leave();
  proceed.release(2);
  EXPECT_EQ(CodeOf(Finish()), "cancelled");
  EXPECT_EQ(service.begun, 0u);
}

TEST_F(RouterTest, AFailedInferenceIsA500WithoutDetails) {
  answer = MakeError(ErrorKind::kInternal, "secret path");
  const auto reply = Send(Request("/v1/embeddings", R"({"input":"hello"})"));
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body.find("secret"), std::string::npos);
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
