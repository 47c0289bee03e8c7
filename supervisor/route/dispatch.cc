#include "supervisor/route/dispatch.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace asio = boost::asio;

namespace berth::route {
namespace {

constexpr int kMostAttempts = 5;
constexpr auto kFirstPause = std::chrono::milliseconds(2);
constexpr int kLongestPauseShift = 6;  // 2 ms … 128 ms

std::string_view Reason(Refusal refusal) {
  switch (refusal) {
    case Refusal::kQueueFull: return "queue_full";
    case Refusal::kNotComing: return "loading";
    case Refusal::kDraining: return "draining";
    case Refusal::kNotLoaded: return "not_loaded";
  }
  return "draining";
}

void AdviseRetry(http::Response& response, bool retry, std::int64_t after_seconds = 0) {
  response.fields.push_back({"x-should-retry", retry ? "true" : "false"});
  if (retry && after_seconds > 0) response.fields.push_back({"Retry-After", std::to_string(after_seconds)});
}

bool Waits(const Standing& standing) { return !standing.endpoint && !standing.refusal; }

std::int64_t MsBetween(TimePoint from, TimePoint to) {
  return std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count());
}

}  // namespace

Dispatch::Dispatch(IoThread& thread, Reply& reply, Job job)
    : thread_(thread), reply_(reply), job_(std::move(job)), door_(thread.shared.Door(*job_.decision.model)),
      wake_(thread.io), wait_until_(reply.arrived() + door_.model.queue.timeout) {
  thread_.shared.relayed_open.fetch_add(1, std::memory_order_relaxed);
  Prepare();
}

Dispatch::~Dispatch() {
  if (ticket_) door_.admission.Release(ticket_, true);
  job_.client->Unwatch();
  job_.limit->Clear();
  if (on_budget_) thread_.shared.budget.Done();
  thread_.shared.relayed_open.fetch_sub(1, std::memory_order_relaxed);
}

void Dispatch::Prepare() {
  const std::string* load = job_.head->Find("X-Load");
  may_load_ = load == nullptr || !http::EqualsIgnoreCase(*load, "never");
  const config::Server& server = thread_.shared.plan.server;
  errand_.head = job_.head;
  errand_.body = std::move(job_.body);
  errand_.upload = std::move(job_.upload);
  errand_.client = job_.client;
  errand_.body_timeout = server.body_timeout;
  errand_.max_body = (job_.target.route->json ? server.max_body : server.max_upload).count;
  errand_.expects_continue = job_.expects_continue;
  errand_.facts.path = job_.target.upstream_path;
  errand_.facts.model = door_.model.name;
  errand_.facts.model_requested = job_.decision.requested;
  errand_.facts.request_id = reply_.request_id();
  errand_.facts.client_address = job_.client_address;
  errand_.terms.facts.client_version = job_.head->version;
  errand_.terms.facts.request_id = reply_.request_id();
  errand_.terms.facts.model = door_.model.name;
  errand_.terms.patience = server.body_timeout;
  errand_.terms.ping_every = thread_.shared.ping_every;
  errand_.terms.cut_event = [this] { return CutEvent(); };
  errand_.terms.on_ping = [this] { thread_.meters.SsePing(); };
}

asio::awaitable<bool> Dispatch::Run() {
  WatchTicket();
  ArmLimit();
  job_.client->Watch([this] { Raise(Stop::kGone); });
  return Loop();
}

void Dispatch::WatchTicket() {
  std::weak_ptr<Dispatch> weak = weak_from_this();
  auto executor = thread_.io.get_executor();
  ticket_ = std::make_shared<Ticket>([weak, executor] {
    asio::post(executor, [weak] {
      if (auto self = weak.lock()) self->OnTicket();
    });
  });
}

asio::awaitable<bool> Dispatch::Loop() {
  bool again = false;
  for (;;) {
    Standing standing = door_.admission.Acquire(ticket_, again, may_load_);
    if (Waits(standing)) standing = co_await AwaitPlace();
    auto refusal = WhyNot(standing);
    if (refusal) co_return co_await Answer(std::move(*refusal));
    NoteQueued();
    const AttemptResult result = co_await TryHere(std::move(standing));
    door_.admission.Release(ticket_, result.end == AttemptEnd::kReplied);
    const bool replied = result.end == AttemptEnd::kReplied || result.end == AttemptEnd::kCut ||
                         result.end == AttemptEnd::kClientGone;
    if (replied) co_return EndReplied(result);
    auto last_word = Conclude(result);
    if (last_word) co_return co_await Answer(std::move(*last_word));
    again = true;
  }
}

// After a try that gave the client no answer: the proxy's own, or nothing, to try again.
std::optional<http::Response> Dispatch::Conclude(const AttemptResult& result) {
  if (stop_ != Stop::kNone) return WhyStopped();
  switch (result.end) {
    case AttemptEnd::kNoEntry: return std::nullopt;
    case AttemptEnd::kAgain: return MayTryAgain(result) ? std::nullopt : std::optional(NowhereToGo());
    case AttemptEnd::kBadUpload: return BadUpload(result.fault);
    default: return Lost(result.end == AttemptEnd::kGarbage);
  }
}

// Waits until the ticket holds a place, never will, or the request is stopped.
asio::awaitable<Standing> Dispatch::AwaitPlace() {
  thread_.meters.Waiting(&door_.model, 1);
  Standing standing = door_.admission.Look(*ticket_);
  while (Waits(standing) && stop_ == Stop::kNone) {
    wake_.expires_at(TimePoint::max());
    boost::system::error_code ignored;
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    standing = door_.admission.Look(*ticket_);
  }
  thread_.meters.Waiting(&door_.model, -1);
  co_return standing;
}

// Why the request goes nowhere, if so.
std::optional<http::Response> Dispatch::WhyNot(const Standing& standing) {
  if (stop_ != Stop::kNone) return WhyStopped();
  if (standing.refusal) return WhyRefused(*standing.refusal);
  const protocol::Capabilities& capabilities = standing.endpoint->capabilities;
  if (!ServesRoute(capabilities)) {
    return RouteNotServed(door_.model.name, job_.target.route->path, capabilities.routes);
  }
  return std::nullopt;
}

// The first place ends the time in the queue.
void Dispatch::NoteQueued() {
  if (std::exchange(queued_, true)) return;
  const TimePoint now = Clock::now();
  errand_.terms.facts.queue_ms = MsBetween(reply_.arrived(), now);
  thread_.meters.Queued(&door_.model, std::chrono::duration<double>(now - reply_.arrived()).count());
}

// One attempt; where the replica takes no connection, another replica, or a pause and then the same again.
asio::awaitable<AttemptResult> Dispatch::TryHere(Standing standing) {
  AttemptResult result;
  for (int times = 0;; ++times) {
    if (times > 0) standing = door_.admission.Look(*ticket_);
    if (standing.closing) {
      result.end = AttemptEnd::kNoEntry;
      co_return result;
    }
    // Its timer may not have had its turn yet: an expired request is never offered.
    if (Expired()) Raise(Stop::kDeadline);
    if (stop_ != Stop::kNone) co_return result;
    errand_.terms.facts.keep_alive = job_.head->keep_alive && !thread_.shared.draining;
    if (job_.deadline) errand_.facts.deadline_ms = std::max<std::int64_t>(1, MsBetween(Clock::now(), *job_.deadline));
    {
      Attempt attempt(thread_, standing.endpoint, errand_);
      attempt_ = &attempt;
      thread_.meters.Running(&door_.model, 1);
      result = co_await attempt.Run();
      thread_.meters.Running(&door_.model, -1);
      attempt_ = nullptr;
    }
    if (result.end != AttemptEnd::kNoEntry || stop_ != Stop::kNone) co_return result;
    thread_.meters.UpstreamError(&door_.model, result.reason);
    const bool moved = door_.admission.Move(ticket_);
    // Where every replica refuses, going round without a pause would keep this thread for ever.
    if (!moved || times > 0) co_await Pause(times);
    if (stop_ != Stop::kNone) co_return result;
  }
}

asio::awaitable<void> Dispatch::Pause(int times) {
  const auto pause = kFirstPause * (1 << std::min(times, kLongestPauseShift));
  wake_.expires_after(pause);
  boost::system::error_code ignored;
  co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

bool Dispatch::MayTryAgain(const AttemptResult& result) {
  if (result.reason == "died") thread_.meters.UpstreamError(&door_.model, result.reason);
  if (errand_.upload_begun || ++attempts_ >= kMostAttempts) return false;
  if (result.counts && !on_budget_) {
    on_budget_ = thread_.shared.budget.TryStart(thread_.shared.relayed_open.load(std::memory_order_relaxed));
    if (!on_budget_) return false;
  }
  thread_.meters.Retry(&door_.model, result.reason);
  return true;
}

void Dispatch::Raise(Stop stop) {
  if (stop_ != Stop::kNone) return;
  stop_ = stop;
  wake_.cancel();
  if (!attempt_) return;
  attempt_->TakeBack();  // a worker that has not begun never will; one that has sees the connection close
  attempt_->Interrupt();
}

void Dispatch::OnTicket() {
  wake_.cancel();
  if (!attempt_) return;
  const Standing standing = door_.admission.Look(*ticket_);
  if (!standing.closing) return;
  attempt_->may_keep = false;
  if (standing.down) {
    attempt_->Hurry();
  } else if (attempt_->TakeBack()) {
    attempt_->Interrupt();
  }
}

void Dispatch::ArmLimit() {
  const TimePoint deadline = job_.deadline.value_or(TimePoint::max());
  const TimePoint next = Clock::now() < wait_until_ ? std::min(deadline, wait_until_) : deadline;
  if (next != TimePoint::max()) job_.limit->Set(next, [this] { OnLimit(); });
}

void Dispatch::OnLimit() {
  if (Expired()) return Raise(Stop::kDeadline);
  // The longest wait for a replica is over; a request that has begun goes on.
  if (!attempt_ || attempt_->TakeBack()) return Raise(Stop::kWaited);
  ArmLimit();
}

bool Dispatch::ServesRoute(const protocol::Capabilities& capabilities) const {
  const auto& routes = capabilities.routes;
  return routes.empty() || std::find(routes.begin(), routes.end(), job_.target.route->path) != routes.end();
}

http::Response Dispatch::WhyStopped() const {
  if (stop_ == Stop::kGone) return http::ErrorResponse(499, "client_closed_request", "the client left");
  if (stop_ == Stop::kDeadline) {
    auto response = http::ErrorResponse(504, "deadline_exceeded", "the request's deadline has passed");
    AdviseRetry(response, false);
    return response;
  }
  const auto view = door_.admission.Describe();
  const std::string waited = FormatDuration(door_.model.queue.timeout);
  if (view.open == 0) {
    auto response = http::ErrorResponse(503, "model_loading", "the model \"" + door_.model.name + "\" did not get ready within " +
                                                                  waited + ": " + view.condition.reason);
    AdviseRetry(response, true, std::max<std::int64_t>(1, view.condition.retry_after.count()));
    return response;
  }
  auto response = http::ErrorResponse(504, "deadline_exceeded", "no replica of the model \"" + door_.model.name +
                                                                    "\" began the request within " + waited);
  AdviseRetry(response, true, 1);
  return response;
}

http::Response Dispatch::WhyRefused(Refusal refusal) {
  const std::string& name = door_.model.name;
  thread_.meters.ModelRejected(&door_.model, Reason(refusal));
  http::Response response;
  if (refusal == Refusal::kQueueFull) {
    response = http::ErrorResponse(429, "queue_full", "the queue of the model \"" + name + "\" is full (" +
                                                          std::to_string(door_.model.queue.max) + " requests wait)");
    AdviseRetry(response, true, door_.admission.RetryAfterSeconds(Clock::now()));
    return response;
  }
  const auto condition = door_.admission.Describe().condition;
  if (refusal == Refusal::kNotLoaded) {
    response = http::ErrorResponse(503, "model_not_loaded", "the model \"" + name + "\" is not loaded, and the request says "
                                                            "X-Load: never");
  } else if (refusal == Refusal::kDraining) {
    response = http::ErrorResponse(503, "draining", "the model \"" + name + "\" is stopped, or about to be");
  } else {
    response = http::ErrorResponse(503, "model_unavailable", condition.reason.empty()
                                                                 ? "the model \"" + name + "\" is not available"
                                                                 : "not available: " + condition.reason);
  }
  AdviseRetry(response, true, std::max<std::int64_t>(1, condition.retry_after.count()));
  return response;
}

// Taken back from a replica, but out of tries.
http::Response Dispatch::NowhereToGo() {
  thread_.meters.ModelRejected(&door_.model, "draining");
  auto response = http::ErrorResponse(503, "model_unavailable", "the replica of the model \"" + door_.model.name +
                                                                    "\" ended before it began the request");
  AdviseRetry(response, true, 1);
  return response;
}

http::Response Dispatch::BadUpload(UploadFault fault) {
  switch (fault) {
    case UploadFault::kMalformed:
      thread_.meters.Rejected("parse");
      return http::ErrorResponse(400, "parse", "the body's chunked framing is malformed");
    case UploadFault::kTooLarge:
      thread_.meters.Rejected("body_too_large");
      return http::ErrorResponse(413, "request_too_large",
                                 "the body is larger than " + FormatBytes({errand_.max_body}));
    case UploadFault::kSlow:
    case UploadFault::kNone: break;
  }
  thread_.meters.Rejected("slow_client");
  return http::ErrorResponse(408, "body_timeout", "the request body did not arrive in time");
}

http::Response Dispatch::Lost(bool garbage) {
  thread_.meters.UpstreamError(&door_.model, garbage ? "protocol" : "lost");
  auto response = garbage ? http::ErrorResponse(502, "worker_protocol", "the worker's answer was not valid HTTP")
                          : http::ErrorResponse(502, "worker_lost", "the worker ended while it ran the request");
  AdviseRetry(response, false);
  return response;
}

std::string Dispatch::CutEvent() const {
  return stop_ == Stop::kDeadline
             ? http::ErrorResponse(504, "deadline_exceeded", "the request's deadline has passed").body
             : http::ErrorResponse(502, "worker_lost", "the worker ended while it ran the request").body;
}

bool Dispatch::EndReplied(const AttemptResult& result) {
  if (result.end == AttemptEnd::kReplied) {
    reply_.End(result.status, OutcomeOf(result.status), result.bytes);
    return result.keep_client;
  }
  if (stop_ == Stop::kGone || result.end == AttemptEnd::kClientGone) {
    thread_.meters.Disconnected(job_.target.route, "stream");
    reply_.End(499, Outcome::kCancelled, result.bytes);
  } else if (stop_ == Stop::kDeadline) {
    reply_.End(result.status, Outcome::kDeadline, result.bytes);
  } else {
    thread_.meters.UpstreamError(&door_.model, "cut");
    reply_.End(result.status, Outcome::kWorkerLost, result.bytes);
  }
  return false;
}

// The proxy's own terminal reply.
asio::awaitable<bool> Dispatch::Answer(http::Response response) {
  door_.admission.Release(ticket_, false);
  if (stop_ == Stop::kGone) {
    thread_.meters.Disconnected(job_.target.route, attempts_ > 0 || queued_ ? "run" : "queue");
    reply_.End(499, Outcome::kCancelled, 0);
    co_return false;
  }
  const bool whole_body_read = !errand_.upload || errand_.upload->done();
  const bool keep = job_.head->keep_alive && whole_body_read && !thread_.shared.draining;
  response.fields.push_back({"x-request-id", reply_.request_id()});
  response.fields.push_back({"x-model-id", door_.model.name});
  response.fields.push_back({"x-queue-ms", std::to_string(errand_.terms.facts.queue_ms)});
  const std::string bytes = http::Serialize(response, keep);
  const std::string none;
  const Parts parts{asio::buffer(bytes), asio::buffer(none)};
  const Outcome outcome = response.status == 502 ? Outcome::kWorkerLost : OutcomeOf(response.status);
  const bool sent = co_await job_.client->Write(parts, thread_.shared.plan.server.body_timeout);
  reply_.End(response.status, outcome, response.body.size());
  co_return sent && keep;
}

}  // namespace berth::route
