// A worker's routes over a model that is a function, for tests: no torch, no sockets.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/serve/tiny_tokenizer.h"
#include "worker/embeddings/encoder_routes.h"
#include "worker/serve/router.h"

namespace berth::serve {

class FakeExchange : public http::Exchange {
 public:
  explicit FakeExchange(boost::asio::io_context& io) : socket_(io) {}
  http::Socket& socket() override { return socket_; }
  boost::asio::awaitable<bool> BeginStream(int, std::vector<http::Field>) override { co_return false; }
  boost::asio::awaitable<bool> WriteChunk(std::string) override { co_return false; }
  boost::asio::awaitable<void> EndStream() override { co_return; }
  void OnGone(std::function<void()> callback) override { leave = std::move(callback); }
  bool gone() const override { return false; }

  std::function<void()> leave;

 private:
  http::Socket socket_;
};

inline boost::asio::awaitable<void> Ask(Router& router, std::shared_ptr<http::Request> request,
                                        http::Exchange& exchange, std::optional<http::Response>& response) {
  auto handling = router.Handle(std::move(request), exchange);
  response = co_await std::move(handling);
}

class RouterFixture : public testing::Test {
 protected:
  explicit RouterFixture(EncoderFacts model) : facts(std::move(model)) {}

  engine::Engine::Options EngineOptions() const {
    engine::Engine::Options options;
    options.limits = {100, 8, {}};
    options.dimensions = facts.dimensions;
    return options;
  }

  // What the model makes of a sequence: facts.dimensions numbers.
  virtual std::vector<float> Compute(const engine::Sequence& sequence) = 0;

  Status Encode(std::span<const engine::Sequence> sequences, const engine::Sink& sink) {
    entered.release();
    if (hold) proceed.acquire();
    if (!answer) return answer.error();
    for (std::size_t i = 0; i < sequences.size(); ++i) sink(i, Compute(sequences[i]));
    return Ok();
  }

  static std::shared_ptr<http::Request> Request(const std::string& path, const std::string& body) {
    auto request = std::make_shared<http::Request>();
    request->head.method = "POST";
    request->head.path = request->head.target = path;
    request->body = body;
    return request;
  }

  void Start(std::shared_ptr<http::Request> request) {
    auto asking = Ask(router, std::move(request), exchange, response);
    boost::asio::co_spawn(io, std::move(asking), [](std::exception_ptr error) { EXPECT_FALSE(error); });
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

  http::Response Send(const std::string& path, const nlohmann::json& body) {
    return Send(Request(path, body.dump()));
  }

  // What a request gets whose client leaves while the model is busy with another.
  http::Response LeaveWhileWaiting(std::shared_ptr<http::Request> request) {
    hold = true;
    auto first = std::make_shared<engine::Job>();
    first->inputs = {{1}};
    first->ended = [](engine::JobEnd) {};
    engine.Submit(first);
    entered.acquire();  // the compute thread is busy
    Start(std::move(request));
    io.poll();
    EXPECT_TRUE(exchange.leave);
    if (exchange.leave) exchange.leave();
    proceed.release(2);
    return Finish();
  }

  static std::string FieldOf(const http::Response& response, std::string_view name) {
    for (const auto& field : response.fields) {
      if (http::EqualsIgnoreCase(field.name, name)) return field.value;
    }
    return "";
  }

  static std::string CodeOf(const http::Response& response) {
    return nlohmann::json::parse(response.body)["error"]["code"].get<std::string>();
  }

  bool hold = false;
  Status answer = Ok();
  std::counting_semaphore<> entered{0};
  std::counting_semaphore<> proceed{0};

  const EncoderFacts facts;
  std::unique_ptr<text::Tokenizer> tokenizer = MakeTinyTokenizer();
  engine::Metrics metrics;
  engine::Budget budget{MiB(1)};
  engine::Engine engine{[this](auto sequences, const auto& sink) { return Encode(sequences, sink); },
                        EngineOptions(), metrics};
  std::unique_ptr<protocol::ClaimTable> table = std::move(*protocol::ClaimTable::Create(4));
  std::unique_ptr<protocol::ClaimView> claims = std::move(*protocol::ClaimView::Map(Fd(::dup(table->fd()))));
  boost::asio::thread_pool pool{2};
  Service service{facts.name, *claims, metrics, budget, pool};
  EncoderService encoder{service, facts, *tokenizer, engine};
  Router router{service, EncoderRoutes(encoder), WhatItDoes(facts.task)};
  boost::asio::io_context io{1};
  FakeExchange exchange{io};
  std::optional<http::Response> response;
};

}  // namespace berth::serve
