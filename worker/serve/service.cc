#include "worker/serve/service.h"

#include "supervisor/base/log.h"

namespace berth::serve {

std::optional<std::function<bool()>> Beginner(Service& service, const http::RequestHead& head) {
  const std::string* header = head.Find(protocol::kClaimHeader);
  std::optional<protocol::Claim> claim;
  if (header != nullptr) {
    claim = protocol::ParseClaim(*header);
    if (!claim) return std::nullopt;
  }
  return [&service, claim] {
    if (claim && !service.claims.TryBegin(*claim)) return false;
    service.begun.fetch_add(1, std::memory_order_relaxed);
    return true;
  };
}

http::Response ClaimLost() {
  return http::ErrorResponse(409, "claim_lost", "This request was taken back before it was begun.");
}

http::Response ToResponse(const ApiError& error) {
  return http::ErrorResponse(error.status, error.code, error.message, error.param);
}

http::Response Draining() {
  auto response = http::ErrorResponse(503, "draining", "This replica is being stopped; try again.");
  response.fields.push_back({"Retry-After", "1"});
  return response;
}

http::Response OverBudget(const std::string& refusal) {
  LogWarning("a request was refused: " + refusal);
  auto response = http::ErrorResponse(503, "over_budget", "This request does not fit into the replica's memory: " + refusal + ".");
  response.fields.push_back({"Retry-After", "1"});
  return response;
}

}  // namespace berth::serve
