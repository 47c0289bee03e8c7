// What the routes work with: the loaded model's tokenizer and engine, the claim table, the counters. One per
// process, made by the program before the server starts; everything referenced outlives it. Its functions are
// safe on any thread.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "worker/engine/engine.h"
#include "worker/metering/budget.h"
#include "worker/metering/metrics.h"
#include "worker/protocol/claim_table.h"
#include "worker/protocol/http_message.h"
#include "worker/serve/api_error.h"
#include "worker/serve/model_facts.h"
#include "worker/text/tokenizer.h"

namespace berth::serve {

inline constexpr std::string_view kModelHeader =
    "X-Berth-Model-Requested";  // what the proxy decided, as asked for
inline constexpr std::string_view kRequestIdHeader = "X-Request-Id";

struct Service {
  const ModelFacts& model;
  const text::Tokenizer& tokenizer;
  engine::Engine& engine;
  protocol::ClaimView& claims;
  engine::Metrics& metrics;
  engine::Budget& budget;               // bodies, inputs and vectors of requests are taken from it
  boost::asio::thread_pool& pool;       // JSON and tokenising
  std::atomic<std::uint64_t> begun{0};  // requests begun since the start
};

// Begins the request's claim, once: a function for the moment just before its first work. It says false when
// the proxy took the request back; a request without the header is always begun. Nothing: the header is
// malformed.
std::optional<std::function<bool()>> Beginner(Service& service, const http::RequestHead& head);

// The reply to a request whose claim is lost: the proxy answers it from elsewhere, and clients never see
// this.
http::Response ClaimLost();
http::Response ToResponse(const ApiError& error);
// 503, asking to try again.
http::Response Draining();
// 503: the budget refuses what the request needs; `refusal` has the numbers.
http::Response OverBudget(const std::string& refusal);

}  // namespace berth::serve
