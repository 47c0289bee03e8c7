#include "worker/serve/inference_route.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <utility>

#include "supervisor/base/log.h"
#include "worker/serve/body_fields.h"

namespace asio = boost::asio;

namespace berth::serve {
namespace {

using engine::JobEnd;

// Milliseconds with microseconds: "12.345".
std::string Milliseconds(Clock::duration duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  char digits[32];
  const auto ms = static_cast<double>(us) / 1000;
  const auto end = std::to_chars(digits, digits + sizeof digits, ms, std::chars_format::fixed, 3);
  return {digits, end.ptr};
}

// A job on its way through the engine, resumed on the coroutine's own executor.
asio::awaitable<JobEnd> Run(engine::Engine& engine, std::shared_ptr<engine::Job> job) {
  auto initiate = [&engine, job](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    auto work = asio::make_work_guard(executor);
    job->ended = [shared, executor, work = std::move(work)](JobEnd end) {
      asio::post(executor, [shared, end] { std::move (*shared)(end); });
    };
    engine.Submit(job);
  };
  auto pending =
      asio::async_initiate<const asio::use_awaitable_t<>&, void(JobEnd)>(initiate, asio::use_awaitable);
  co_return co_await std::move(pending);
}

struct Prepared {
  std::unique_ptr<Work> work;
  std::size_t prompt_tokens = 0;
};

// JSON and tokens. What the engine needs goes into `job`.
Parsed<Prepared> Prepare(Service& service, ParseWork parse, const std::string& body, engine::Job& job) {
  const auto json = ParseBody(body);
  if (!json) return json.error();
  auto work = parse(*json, service.model);
  if (!work) return work.error();
  const TimePoint start = Clock::now();
  auto inputs = (*work)->Tokenize(service);
  const std::chrono::duration<double> took = Clock::now() - start;
  if (!inputs) return inputs.error();
  const auto tokens = static_cast<double>(inputs->total);
  service.metrics.Observe(engine::Histogram::kTokenizeSeconds, took.count());
  service.metrics.Observe(engine::Histogram::kPromptTokens, tokens);
  service.metrics.Add(engine::Counter::kPromptTokens, tokens);
  job.inputs = std::move(inputs->ids);
  job.seconds = std::move(inputs->seconds);
  job.skip = inputs->skip;
  return Parsed<Prepared>(boost::system::in_place_value, Prepared{std::move(*work), inputs->total});
}

// What the engine's part of a request holds: the inputs, and the vectors that will be made of them.
std::uint64_t BytesOf(const engine::Job& job, int dimensions) {
  std::uint64_t bytes = job.inputs.size() * static_cast<std::uint64_t>(dimensions) * sizeof(float);
  for (const auto& input : job.inputs) bytes += input.size() * sizeof(input[0]);
  return bytes;
}

// The reply to a job that has no vectors.
http::Response Refusal(JobEnd end, const engine::Job& job) {
  switch (end) {
    case JobEnd::kClaimLost:
      return ClaimLost();
    case JobEnd::kDraining:
      return Draining();
    case JobEnd::kCancelled:
      return http::ErrorResponse(503, "cancelled", "The request was cancelled.");
    case JobEnd::kQueueFull: {
      auto response = http::ErrorResponse(429, "queue_full", "This replica's queue is full; try again.");
      response.fields.push_back({"Retry-After", "1"});
      return response;
    }
    case JobEnd::kOverBudget:
      return OverBudget(job.error);
    default:
      LogError("a batch failed: " + job.error);
  }
  return http::ErrorResponse(500, "inference_failed",
                             "The model failed on this request; the worker's log says why.");
}

std::string ModelName(const Service& service, const http::RequestHead& head, const Work& work) {
  if (const std::string* asked = head.Find(kModelHeader)) return *asked;
  return work.model().empty() ? service.model.name : std::string(work.model());
}

http::Response Reply(const Service& service, const http::RequestHead& head, const Prepared& prepared,
                     const engine::Job& job, TimePoint arrival) {
  const std::string* id = head.Find(kRequestIdHeader);
  const Outcome outcome{job.vectors, prepared.prompt_tokens, ModelName(service, head, *prepared.work),
                        id == nullptr ? std::string() : *id};
  auto response = http::JsonResponse(200, prepared.work->Reply(service, outcome));
  response.fields.push_back({"x-inference-ms", Milliseconds(job.inference)});
  response.fields.push_back({"x-prompt-tokens", std::to_string(prepared.prompt_tokens)});
  response.fields.push_back({"openai-processing-ms", Milliseconds(Clock::now() - arrival)});
  return response;
}

}  // namespace

asio::awaitable<http::Response> ServeInference(Service& service, ParseWork parse,
                                               std::shared_ptr<http::Request> request,
                                               std::shared_ptr<engine::Job> job) {
  const TimePoint arrival = Clock::now();
  auto begin = Beginner(service, request->head);
  if (!begin) co_return ClaimLost();
  job->begin = std::move(*begin);
  const auto prepared = Prepare(service, parse, request->body, *job);
  if (!prepared) co_return ToResponse(prepared.error());
  request->body = {};  // up to 8 MiB that nobody reads again
  if (const auto bytes = BytesOf(*job, service.model.dimensions); !job->charge.Hold(service.budget, bytes)) {
    co_return job->begin() ? OverBudget(service.budget.Refusal(bytes)) : ClaimLost();
  }
  auto running = Run(service.engine, job);
  const JobEnd end = co_await std::move(running);
  if (end != JobEnd::kDone) co_return Refusal(end, *job);
  co_return Reply(service, request->head, *prepared, *job, arrival);
}

}  // namespace berth::serve
