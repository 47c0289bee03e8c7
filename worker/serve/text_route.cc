#include "worker/serve/text_route.h"

#include <memory>
#include <utility>

#include "worker/serve/body_fields.h"
#include "worker/serve/json_text.h"

namespace berth::serve {
namespace {

boost::asio::awaitable<Answer> ServeText(Service& service, AnswerText answer, std::shared_ptr<Call> call) {
  const auto begin = Beginner(service, call->request->head);
  if (!begin || !(*begin)()) co_return ClaimLost();
  const std::string& asked = call->request->body;
  engine::Charge memory;
  const std::uint64_t tree = JsonTreeBytes(asked);
  if (!memory.Hold(service.budget, tree)) co_return OverBudget(service.budget.Refusal(tree));
  const auto body = ParseBody(asked);
  if (!body) co_return ToResponse(body.error());
  auto text = answer(*body, asked, memory);
  if (!text) co_return ToResponse(text.error());
  co_return http::JsonResponse(200, std::move(*text));
}

}  // namespace

Route TextRoute(Service& service, std::string path, AnswerText answer) {
  return {std::move(path), [&service, answer = std::move(answer)](std::shared_ptr<Call> call) {
            return ServeText(service, answer, std::move(call));
          }};
}

}  // namespace berth::serve
