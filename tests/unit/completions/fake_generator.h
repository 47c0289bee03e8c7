// A generator that says what a test tells it to, on the thread of the test; and a connection that keeps what it is
// sent. For the routes of a language model: no torch, no sockets.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/serve/tiny_tokenizer.h"
#include "worker/completions/routes.h"
#include "worker/serve/router.h"

namespace berth::completions {

class KeepingExchange : public http::Exchange {
 public:
  explicit KeepingExchange(boost::asio::io_context& io) : socket_(io) {}
  http::Socket& socket() override { return socket_; }
  boost::asio::awaitable<bool> BeginStream(int begun, std::vector<http::Field> with) override {
    status = begun;
    fields = std::move(with);
    co_return !left;
  }
  boost::asio::awaitable<bool> WriteChunk(std::string bytes) override {
    if (left) co_return false;
    chunks.push_back(std::move(bytes));
    if (on_chunk) on_chunk();
    co_return !left;
  }
  boost::asio::awaitable<void> EndStream() override {
    ended = true;
    co_return;
  }
  void OnGone(std::function<void()> callback) override { leave_ = std::move(callback); }
  bool gone() const override { return left; }

  void Leave() {
    left = true;
    if (leave_) leave_();
  }
  std::string text() const {
    std::string all;
    for (const std::string& chunk : chunks) all += chunk;
    return all;
  }
  // What the reply's events say; "[DONE]" and comments as strings.
  std::vector<nlohmann::json> events() const {
    std::vector<nlohmann::json> list;
    const std::string all = text();
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t end = all.find("\n\n", at);
      const std::string event = all.substr(at, end - at);
      const bool json = event.starts_with("data: {");
      list.push_back(json ? nlohmann::json::parse(event.substr(6)) : nlohmann::json(event));
      at = end == std::string::npos ? all.size() : end + 2;
    }
    return list;
  }

  int status = 0;
  std::vector<http::Field> fields;
  std::vector<std::string> chunks;
  bool ended = false;
  bool left = false;
  std::function<void()> on_chunk;

 private:
  http::Socket socket_;
  std::function<void()> leave_;
};

class GenerationFixture : public testing::Test {
 protected:
  using Job = engine::GenerationJob;

  explicit GenerationFixture(Duration ping_every = std::chrono::milliseconds(5), Bytes memory = MiB(1))
      : budget(memory), router(service.common, GenerationRoutes(service), "writes text", ping_every) {
    facts.name = "m";
    facts.max_tokens = 32;
    facts.vocab_size = 10;
    facts.fingerprint = "fp_test";
  }

  // What the generator does with a job: says some things, and ends it. Ends as kClaimLost by itself.
  std::function<void(Job&)> generate = [](Job& job) { job.ended(engine::JobEnd::kDone); };

  static engine::Delta Says(std::string text, std::int32_t id, std::size_t prompt = 0, int choice = 0) {
    engine::Delta delta;
    delta.prompt = prompt;
    delta.choice = choice;
    delta.text = std::move(text);
    delta.tokens.push_back({.id = id, .logprob = -0.25F, .top = {{id, -0.25F}, {6, -2.F}}});
    return delta;
  }
  static engine::Delta Ends(engine::Delta::Finish finish, std::size_t prompt = 0, int choice = 0) {
    engine::Delta delta;
    delta.prompt = prompt;
    delta.choice = choice;
    delta.finish = finish;
    return delta;
  }

  static std::shared_ptr<http::Request> Request(const std::string& path, const std::string& body) {
    auto request = std::make_shared<http::Request>();
    request->head.method = "POST";
    request->head.path = request->head.target = path;
    request->body = body;
    return request;
  }

  void Start(std::shared_ptr<http::Request> request) {
    response.reset();
    exchange = std::make_unique<KeepingExchange>(io);
    auto asking = Ask(std::move(request));
    boost::asio::co_spawn(io, std::move(asking), [](std::exception_ptr error) { EXPECT_FALSE(error); });
  }
  void Finish() {
    io.restart();
    io.run();
  }
  // Answers whole: the response. Streams: what the exchange has kept.
  void Send(std::shared_ptr<http::Request> request) {
    Start(std::move(request));
    Finish();
  }
  nlohmann::json Whole(const std::string& path, const std::string& body) {
    Send(Request(path, body));
    EXPECT_TRUE(response);
    return response ? nlohmann::json::parse(response->body) : nlohmann::json();
  }

  boost::asio::awaitable<void> Ask(std::shared_ptr<http::Request> request) {
    auto handling = router.Handle(std::move(request), *exchange);
    response = co_await std::move(handling);
  }

  void Run(const std::shared_ptr<Job>& job) {
    last = job;
    if (!job->begin()) return job->ended(engine::JobEnd::kClaimLost);
    generate(*job);
  }

  GenerationFacts facts;
  std::unique_ptr<text::Tokenizer> tokenizer = serve::MakeTinyTokenizer();
  engine::Metrics metrics;
  engine::Budget budget;
  std::unique_ptr<protocol::ClaimTable> table = std::move(*protocol::ClaimTable::Create(4));
  std::unique_ptr<protocol::ClaimView> claims = std::move(*protocol::ClaimView::Map(Fd(::dup(table->fd()))));
  boost::asio::thread_pool pool{2};
  serve::Service common{"m", *claims, metrics, budget, pool};
  std::shared_ptr<Job> last;
  std::atomic<int> cancelled{0};  // jobs given up before their end
  // The contents, one after the other, and "world" for the model to go on from.
  RenderChat render = [](const chat::ChatRequest& request, const chat::Hold&) -> Result<std::string> {
    std::string text;
    for (const auto& message : request.messages) text += message.value("content", "") + " ";
    if (text == "raise ") return Invalid("the template says no");
    return request.add_generation_prompt ? text + "world" : text;
  };
  GenerationService service{common, facts, *tokenizer, render,
                            [this](std::shared_ptr<Job> job) { Run(job); },
                            [this](Job& job) {
                              if (!job.cancelled.exchange(true)) ++cancelled;
                            }};
  serve::Router router;
  boost::asio::io_context io{1};
  std::unique_ptr<KeepingExchange> exchange;
  std::optional<http::Response> response;
};

}  // namespace berth::completions
