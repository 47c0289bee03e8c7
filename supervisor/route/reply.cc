#include "supervisor/route/reply.h"

#include <cstdlib>

#include "supervisor/base/log.h"
#include "supervisor/route/heads.h"

namespace berth::route {
namespace {

std::string RequestIdFor(const http::RequestHead& head) {
  std::string id = ValidRequestId(head);
  return id.empty() ? NewRequestId() : id;
}

}  // namespace

std::string_view Name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk: return "ok";
    case Outcome::kClientError: return "client_error";
    case Outcome::kRejected: return "rejected";
    case Outcome::kCancelled: return "cancelled";
    case Outcome::kDeadline: return "deadline";
    case Outcome::kWorkerLost: return "worker_lost";
    case Outcome::kInternal: return "internal";
  }
  return "internal";
}

Outcome OutcomeOf(int status) {
  if (status < 400) return Outcome::kOk;
  if (status == 429 || status == 503) return Outcome::kRejected;
  if (status == 499) return Outcome::kCancelled;
  if (status == 504) return Outcome::kDeadline;
  return status < 500 ? Outcome::kClientError : Outcome::kInternal;
}

Reply::Reply(IoThread& thread, const http::RequestHead& head, const Route* route, TimePoint arrived)
    : thread_(thread), route_(route), method_(MethodLabel(head.method)), arrived_(arrived),
      request_id_(RequestIdFor(head)) {
  thread_.shared.requests_open.fetch_add(1, std::memory_order_relaxed);
  thread_.meters.InFlight(route_, 1);
}

Reply::~Reply() {
  if (ended_) return;
  LogError("internal error: request " + request_id_ + " was left without a terminal reply");
  std::abort();
}

void Reply::ForModel(const config::Model* model) {
  model_ = model;
  for_model_ = true;
}

void Reply::End(int status, Outcome outcome, std::uint64_t response_bytes) {
  if (ended_) {
    LogError("internal error: request " + request_id_ + " got a second terminal reply");
    std::abort();
  }
  ended_ = true;
  const double seconds = std::chrono::duration<double>(Clock::now() - arrived_).count();
  thread_.meters.Http({route_, method_, status, seconds, request_bytes_, response_bytes});
  if (for_model_) thread_.meters.Request(model_, route_->task, Name(outcome), seconds);
  thread_.meters.InFlight(route_, -1);
  thread_.shared.requests_open.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace berth::route
