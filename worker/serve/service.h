// What the routes of all kinds of models work with: the model's name, the claim table, the counters, the budget, the
// pool. One per process, made by the program before the server starts; everything referenced outlives it. Its
// functions are safe on any thread.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "supervisor/base/duration.h"
#include "worker/engine/job_end.h"
#include "worker/metering/budget.h"
#include "worker/metering/metrics.h"
#include "worker/protocol/claim_table.h"
#include "worker/protocol/http_message.h"
#include "worker/serve/api_error.h"

namespace berth::serve {

inline constexpr std::string_view kModelHeader =
    "X-Berth-Model-Requested";  // what the proxy decided, as asked for
inline constexpr std::string_view kRequestIdHeader = "X-Request-Id";

struct Service {
  std::string model;  // its name in the plan
  protocol::ClaimView& claims;
  engine::Metrics& metrics;
  engine::Budget& budget;               // what requests hold is taken from it
  boost::asio::thread_pool& pool;       // JSON, tokens, replies
  std::atomic<std::uint64_t> begun{0};  // requests begun since the start
};

// Begins the request's claim, once: a function for the moment just before its first work. It says false when
// the proxy took the request back; a request without the header is always begun. Nothing: the header is
// malformed.
std::optional<std::function<bool()>> Beginner(Service& service, const http::RequestHead& head);

// How the client called the model: by the proxy's word, else by the body's (which may be empty), else by the plan's.
std::string ModelAsAsked(const Service& service, const http::RequestHead& head, std::string_view in_body);
// The request's id, or "".
std::string RequestIdOf(const http::RequestHead& head);

// Milliseconds with microseconds, for headers: "12.345".
std::string Milliseconds(Clock::duration duration);

// The reply to a request whose claim is lost: the proxy answers it from elsewhere, and clients never see
// this.
http::Response ClaimLost();
http::Response ToResponse(const ApiError& error);  // a 503 asks to try again
// 503: the budget refuses what the request needs; `refusal` has the numbers.
ApiError OverBudgetError(const std::string& refusal);
// 503, asking to try again.
http::Response Draining();
http::Response OverBudget(const std::string& refusal);
// The reply to a job that an engine ended otherwise than kDone; `error` is the job's.
http::Response Refusal(engine::JobEnd end, const std::string& error);

}  // namespace berth::serve
