#include "worker/embeddings/inference_route.h"

#include <utility>

#include "worker/serve/body_fields.h"
#include "worker/serve/signal.h"

namespace asio = boost::asio;

namespace berth::serve {
namespace {

using engine::JobEnd;

// A job on its way through the engine.
asio::awaitable<JobEnd> Run(engine::Engine& engine, std::shared_ptr<engine::Job> job) {
  auto ended = std::make_shared<Signal<JobEnd>>();
  job->ended = [ended](JobEnd end) { ended->Say(end); };
  engine.Submit(std::move(job));
  auto waiting = ended->Wait();
  co_return co_await std::move(waiting);
}

struct Prepared {
  std::unique_ptr<Work> work;
  std::size_t prompt_tokens = 0;
};

// JSON and tokens. What the engine needs goes into `job`.
Parsed<Prepared> Prepare(EncoderService& service, ParseWork parse, const std::string& body, engine::Job& job) {
  const auto json = ParseBody(body);
  if (!json) return json.error();
  auto work = parse(*json, service.model);
  if (!work) return work.error();
  const TimePoint start = Clock::now();
  auto inputs = (*work)->Tokenize(service);
  const std::chrono::duration<double> took = Clock::now() - start;
  if (!inputs) return inputs.error();
  const auto tokens = static_cast<double>(inputs->total);
  engine::Metrics& metrics = service.common.metrics;
  metrics.Observe(engine::Histogram::kTokenizeSeconds, took.count());
  metrics.Observe(engine::Histogram::kPromptTokens, tokens);
  metrics.Add(engine::Counter::kPromptTokens, tokens);
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

http::Response Reply(const EncoderService& service, const http::RequestHead& head, const Prepared& prepared,
                     const engine::Job& job, TimePoint arrival) {
  const Outcome outcome{job.vectors, prepared.prompt_tokens,
                        ModelAsAsked(service.common, head, prepared.work->model()), RequestIdOf(head)};
  auto response = http::JsonResponse(200, prepared.work->Reply(service, outcome));
  response.fields.push_back({"x-inference-ms", Milliseconds(job.inference)});
  response.fields.push_back({"x-prompt-tokens", std::to_string(prepared.prompt_tokens)});
  response.fields.push_back({"openai-processing-ms", Milliseconds(Clock::now() - arrival)});
  return response;
}

}  // namespace

asio::awaitable<Answer> ServeInference(EncoderService& service, ParseWork parse, std::shared_ptr<Call> call) {
  const TimePoint arrival = Clock::now();
  http::Request& request = *call->request;
  auto begin = Beginner(service.common, request.head);
  if (!begin) co_return ClaimLost();
  auto job = std::make_shared<engine::Job>();
  job->begin = std::move(*begin);
  job->charge = std::move(call->charge);
  call->departure.Then([&service, job] { service.engine.Cancel(*job); });
  const auto prepared = Prepare(service, parse, request.body, *job);
  if (!prepared) co_return ToResponse(prepared.error());
  request.body = {};  // up to 8 MiB that nobody reads again
  engine::Budget& budget = service.common.budget;
  if (const auto bytes = BytesOf(*job, service.model.dimensions); !job->charge.Hold(budget, bytes)) {
    co_return job->begin() ? OverBudget(budget.Refusal(bytes)) : ClaimLost();
  }
  auto running = Run(service.engine, job);
  const JobEnd end = co_await std::move(running);
  if (end != JobEnd::kDone) co_return Refusal(end, job->error);
  co_return Reply(service, request.head, *prepared, *job, arrival);
}

}  // namespace berth::serve
