#include "worker/serve/router.h"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "supervisor/base/log.h"

namespace asio = boost::asio;

namespace berth::serve {
namespace {

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
  return OverBudget(service.budget.Refusal(request.unkept > 0 ? request.unkept : request.body.size()));
}

class ChargedBody : public http::BodyMemory {
 public:
  explicit ChargedBody(engine::Budget& budget) { charge.Hold(budget, 0); }
  bool Grow(std::uint64_t bytes) override { return charge.Grow(bytes); }
  engine::Charge charge;
};

asio::awaitable<Answer> Guarded(const Route& route, std::shared_ptr<Call> call) {
  try {
    auto answer = route.serve(call);
    co_return co_await std::move(answer);
  } catch (const std::exception& error) {
    LogError("a request to " + call->request->head.path + " failed: " + error.what());
  }
  co_return http::ErrorResponse(500, "internal_error", "The request failed; the worker's log says why.");
}

std::vector<http::Field> OwnFields(const http::RequestHead& head) {
  std::string id = RequestIdOf(head);
  if (id.empty()) return {};
  return {{"x-request-id", std::move(id)}};
}

}  // namespace

std::vector<std::string> Router::paths() const {
  std::vector<std::string> paths;
  for (const Route& route : routes_) paths.push_back(route.path);
  return paths;
}

http::Response Router::NoSuchRoute(const http::RequestHead& head) const {
  std::string list;
  for (const Route& route : routes_) list += (list.empty() ? "" : ", ") + route.path;
  return http::ErrorResponse(
      404, "unknown_route",
      "There is no route " + head.method + " " + head.path + ": this model " + does_ + ", by " + list + ".");
}

std::optional<http::Response> Router::WhyNot(const http::RequestHead& head, const Route* route) const {
  if (route == nullptr) return NoSuchRoute(head);
  if (head.method != "POST") return OnlyPost(head);
  if (draining_) return Draining();
  return std::nullopt;
}

asio::awaitable<std::optional<http::Response>> Router::Handle(std::shared_ptr<http::Request> request,
                                                              http::Exchange& exchange) {
  const auto found = std::ranges::find(routes_, request->head.path, &Route::path);
  const Route* route = found == routes_.end() ? nullptr : &*found;
  if (auto refused = WhyNot(request->head, route)) co_return refused;
  auto call = std::make_shared<Call>();
  call->request = request;
  // It is this router's own: nobody else makes any.
  if (request->memory) call->charge = std::move(static_cast<ChargedBody&>(*request->memory).charge);
  request->memory.reset();
  const bool room = request->unkept == 0 && call->charge.Hold(service_.budget, request->body.size());
  if (!room) co_return TooLarge(service_, *request);
  // May come after this coroutine is gone, but not after the connection.
  exchange.OnGone([call] { call->departure.Leave(); });
  const Visit visit(*this);
  auto work = Guarded(*route, call);
  // Cancelling the connection must not reach into a coroutine that runs on other threads; the engine ends
  // every job.
  auto uncancelled = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
  auto pending = asio::co_spawn(service_.pool, std::move(work), uncancelled);
  Answer answer = co_await std::move(pending);
  auto fields = OwnFields(request->head);
  if (auto* events = std::get_if<std::unique_ptr<EventSource>>(&answer)) {
    auto sending = SendEvents(exchange, std::move(*events), std::move(fields), ping_every_);
    co_await std::move(sending);
    co_return std::nullopt;
  }
  auto& response = std::get<http::Response>(answer);
  std::ranges::move(fields, std::back_inserter(response.fields));
  co_return std::move(response);
}

std::unique_ptr<http::BodyMemory> Router::MemoryForBody() { return std::make_unique<ChargedBody>(service_.budget); }

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
