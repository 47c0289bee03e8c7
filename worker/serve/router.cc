#include "worker/serve/router.h"

#include <algorithm>
#include <array>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <string_view>
#include <utility>

#include "supervisor/base/log.h"
#include "worker/serve/body_fields.h"
#include "worker/serve/embeddings_route.h"
#include "worker/serve/rerank_route.h"
#include "worker/serve/tokenize_route.h"

namespace asio = boost::asio;

namespace berth::serve {
namespace {

using checkpoint::Task;
using RequestPtr = std::shared_ptr<http::Request>;
using JobPtr = std::shared_ptr<engine::Job>;
using TextRoute = Parsed<std::string> (*)(const nlohmann::json&, const ModelFacts&, const text::Tokenizer&);

asio::awaitable<http::Response> ServeText(Service& service, TextRoute route, RequestPtr request) {
  const auto begin = Beginner(service, request->head);
  if (!begin || !(*begin)()) co_return ClaimLost();
  const auto body = ParseBody(request->body);
  if (!body) co_return ToResponse(body.error());
  auto reply = route(*body, service.model, service.tokenizer);
  if (!reply) co_return ToResponse(reply.error());
  co_return http::JsonResponse(200, std::move(*reply));
}

template <ParseWork parse>
asio::awaitable<http::Response> Infer(Service& service, RequestPtr request, JobPtr job) {
  return ServeInference(service, parse, std::move(request), std::move(job));
}

template <TextRoute route>
asio::awaitable<http::Response> AnswerText(Service& service, RequestPtr request, JobPtr) {
  return ServeText(service, route, std::move(request));
}

struct Route {
  std::string_view path;
  std::optional<Task> task;  // of the models that have it; nothing: all
  asio::awaitable<http::Response> (*serve)(Service&, RequestPtr, JobPtr);

  bool IsOf(Task of) const { return !task || *task == of; }
};

constexpr std::array<Route, 7> kRoutes = {{{"/v1/embeddings", Task::kEmbedding, Infer<OpenAiEmbeddings>},
                                           {"/embed", Task::kEmbedding, Infer<TeiEmbed>},
                                           {"/v1/rerank", Task::kRanking, Infer<JinaRerank>},
                                           {"/v2/rerank", Task::kRanking, Infer<CohereRerank>},
                                           {"/rerank", Task::kRanking, Infer<TeiOrJinaRerank>},
                                           {"/tokenize", std::nullopt, AnswerText<Tokenize>},
                                           {"/detokenize", std::nullopt, AnswerText<Detokenize>}}};

http::Response NoSuchRoute(const http::RequestHead& head, Task task) {
  std::string routes;
  for (const std::string& path : Router::Routes(task)) routes += (routes.empty() ? "" : ", ") + path;
  return http::ErrorResponse(404, "unknown_route",
                             "There is no route " + head.method + " " + head.path + ": this model " +
                                 (task == Task::kRanking ? "ranks documents" : "embeds texts") + ", by " +
                                 routes + ".");
}

http::Response OnlyPost(const http::RequestHead& head) {
  auto response =
      http::ErrorResponse(405, "method_not_allowed", head.path + " takes POST, not " + head.method + ".");
  response.fields.push_back({"Allow", "POST"});
  return response;
}

// The refusal is the request's answer, so it is begun: the supervisor would try it again here, in vain.
http::Response TooLarge(Service& service, const http::Request& request) {
  const auto begin = Beginner(service, request.head);
  if (!begin || !(*begin)()) return ClaimLost();
  return OverBudget(service.budget.Refusal(request.body.size()));
}

asio::awaitable<http::Response> Guarded(Service& service, const Route& route, RequestPtr request,
                                        JobPtr job) {
  try {
    auto reply = route.serve(service, request, job);
    co_return co_await std::move(reply);
  } catch (const std::exception& error) {
    LogError("a request to " + request->head.path + " failed: " + error.what());
  }
  co_return http::ErrorResponse(500, "internal_error", "The request failed; the worker's log says why.");
}

}  // namespace

std::vector<std::string> Router::Routes(Task task) {
  std::vector<std::string> paths;
  for (const Route& route : kRoutes) {
    if (route.IsOf(task)) paths.emplace_back(route.path);
  }
  return paths;
}

asio::awaitable<std::optional<http::Response>> Router::Handle(RequestPtr request, http::Exchange& exchange) {
  const auto route = std::ranges::find(kRoutes, request->head.path, &Route::path);
  const Task task = service_.model.task;
  if (route == kRoutes.end() || !route->IsOf(task)) co_return NoSuchRoute(request->head, task);
  if (request->head.method != "POST") co_return OnlyPost(request->head);
  if (draining_) co_return Draining();
  auto job = std::make_shared<engine::Job>();
  if (!job->charge.Hold(service_.budget, request->body.size())) co_return TooLarge(service_, *request);
  // The callback may come after this coroutine is gone, but not after the connection; the job lives on in it.
  exchange.OnGone([this, job] { service_.engine.Cancel(*job); });
  const Visit visit(*this);
  auto work = Guarded(service_, *route, request, job);
  // Cancelling the connection must not reach into a coroutine that runs on other threads; the engine ends
  // every job.
  auto uncancelled = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
  auto pending = asio::co_spawn(service_.pool, std::move(work), uncancelled);
  http::Response response = co_await std::move(pending);
  if (const std::string* id = request->head.Find(kRequestIdHeader))
    response.fields.push_back({"x-request-id", *id});
  co_return response;
}

void Router::Drain(std::function<void()> idle) {
  draining_ = true;
  idle_ = std::move(idle);
  if (active_ == 0 && idle_) std::exchange(idle_, nullptr)();
}

Router::Visit::~Visit() {
  --router_.active_;
  if (router_.active_ == 0 && router_.idle_) std::exchange(router_.idle_, nullptr)();
}

}  // namespace berth::serve
