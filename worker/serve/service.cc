#include "worker/serve/service.h"

#include <charconv>

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

std::string ModelAsAsked(const Service& service, const http::RequestHead& head, std::string_view in_body) {
  if (const std::string* asked = head.Find(kModelHeader)) return *asked;
  return in_body.empty() ? service.model : std::string(in_body);
}

std::string RequestIdOf(const http::RequestHead& head) {
  const std::string* id = head.Find(kRequestIdHeader);
  return id == nullptr ? std::string() : *id;
}

std::string Milliseconds(Clock::duration duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  char digits[32];
  const auto ms = static_cast<double>(us) / 1000;
  const auto end = std::to_chars(digits, digits + sizeof digits, ms, std::chars_format::fixed, 3);
  return {digits, end.ptr};
}

http::Response ClaimLost() {
  return http::ErrorResponse(409, "claim_lost", "This request was taken back before it was begun.");
}

http::Response ToResponse(const ApiError& error) {
  auto response = http::ErrorResponse(error.status, error.code, error.message, error.param);
  if (error.status == 503) response.fields.push_back({"Retry-After", "1"});
  return response;
}

http::Response Draining() {
  auto response = http::ErrorResponse(503, "draining", "This replica is being stopped; try again.");
  response.fields.push_back({"Retry-After", "1"});
  return response;
}

ApiError OverBudgetError(const std::string& refusal) {
  LogWarning("a request was refused: " + refusal);
  return {.status = 503,
          .message = "This request does not fit into the replica's memory: " + refusal + ".",
          .code = "over_budget"};
}

http::Response OverBudget(const std::string& refusal) { return ToResponse(OverBudgetError(refusal)); }

http::Response Refusal(engine::JobEnd end, const std::string& error) {
  using engine::JobEnd;
  switch (end) {
    case JobEnd::kClaimLost:
      return ClaimLost();
    case JobEnd::kDraining:
      return Draining();
    case JobEnd::kCancelled:
      return http::ErrorResponse(503, "cancelled", "The request was cancelled" + (error.empty() ? "." : ": " + error + "."));
    case JobEnd::kQueueFull: {
      auto response = http::ErrorResponse(429, "queue_full", "This replica's queue is full; try again.");
      response.fields.push_back({"Retry-After", "1"});
      return response;
    }
    case JobEnd::kRefused:
      return http::ErrorResponse(400, "", "The request cannot be served: " + error + ".");
    case JobEnd::kOverBudget:
      return OverBudget(error);
    default:
      LogError("a batch failed: " + error);
  }
  return http::ErrorResponse(500, "inference_failed",
                             "The model failed on this request; the worker's log says why.");
}

}  // namespace berth::serve
