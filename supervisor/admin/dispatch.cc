#include "supervisor/admin/routes.h"

namespace berth::admin {
namespace {

// The label `result` of admin_commands_total.
std::string ResultOf(const std::optional<http::Response>& answer) {
  if (!answer) return "ok";
  if (answer->status == 202) return "accepted";
  if (answer->status == 504) return "timeout";
  if (answer->status < 300) return "ok";
  return answer->status < 500 ? "refused" : "failed";
}

Answer RunAndWriteDown(const Route& route, Call& call) {
  const std::string command(route.command());
  call.context.events.Add("admin", call.model, -1, command + " asked for by " + Describe(call.peer));
  std::optional<http::Response> answer = co_await route.handle(call);
  call.context.metrics.Counter("admin_commands_total", {{"command", command}, {"result", ResultOf(answer)}})
      .Increment();
  co_return answer;
}

}  // namespace

Answer Dispatch(Context& context, std::shared_ptr<http::Request> request, http::Exchange& exchange, Peer peer) {
  auto found = FindRoute(context.plan, request->head);
  if (auto* refusal = std::get_if<http::Response>(&found)) co_return std::move(*refusal);
  const Match match = std::get<Match>(std::move(found));
  Call call{context, std::move(request), exchange, std::move(peer), match.model};
  if (match.route->mutates) co_return co_await RunAndWriteDown(*match.route, call);
  co_return co_await match.route->handle(call);
}

}  // namespace berth::admin
