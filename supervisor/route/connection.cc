#include "supervisor/route/connection.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "supervisor/route/body_intake.h"
#include "supervisor/route/dispatch.h"
#include "supervisor/route/heads.h"
#include "supervisor/route/own_routes.h"
#include "worker/protocol/http_body.h"

namespace asio = boost::asio;

namespace berth::route {
namespace {

const http::HeadLimits kRequestLimits;
constexpr std::size_t kParseEvery = 1024;     // bytes of an unfinished head before it is looked at again
constexpr auto kScrapeTimeout = std::chrono::seconds(10);
// So many forms of the largest size may be held at once while their models are not known.
constexpr std::uint64_t kMostFormsHeld = 4;

// Metrics want literals.
std::string_view RejectReason(std::string_view code) {
  if (code == "header_too_large") return "header_too_large";
  return code == "smuggling" ? "smuggling" : "parse";
}

// Where the scraper's thread leaves its text for a connection, which may be gone by then.
struct Scraped {
  explicit Scraped(asio::io_context& io) : done(io) {}
  Scraper::Text text;
  asio::steady_timer done;
};

}  // namespace

Connection::Connection(IoThread& thread, std::shared_ptr<Stream> stream, std::string peer, bool metrics_only)
    : thread_(thread), stream_(std::move(stream)), limit_(thread.io), peer_(std::move(peer)), metrics_only_(metrics_only) {
  thread_.connections.insert(this);
  thread_.meters.ConnectionAccepted();
  thread_.meters.Connections(state_, 1);
}

Connection::~Connection() {
  thread_.meters.Connections(state_, -1);
  thread_.connections.erase(this);
  thread_.shared.connections_open.fetch_sub(1, std::memory_order_relaxed);
}

void Connection::SetState(std::string_view state) {
  if (state == state_) return;
  thread_.meters.Connections(state_, -1);
  thread_.meters.Connections(state, 1);
  state_ = state;
}

void Connection::CloseIfIdle() {
  if (state_ == "idle" && stream_->buffer().empty()) stream_->Close();
}

asio::awaitable<void> Connection::Run() {
  for (bool keep = true; keep;) {
    SetState("idle");
    // Not part of Serve(): an idle connection should hold no more frames, and no larger ones, than it must.
    const bool coming = co_await WaitForRequest();
    if (!coming) break;
    SetState("active");
    keep = co_await Serve();
  }
  co_await stream_->CloseGently();
}

// The first byte of the next request; false when there won't be one.
asio::awaitable<bool> Connection::WaitForRequest() {
  if (stream_->buffer().empty()) {
    if (thread_.shared.draining && arrived_ != TimePoint{}) co_return false;
    const Arrival arrival = co_await stream_->More(Clock::now() + thread_.shared.plan.server.idle_timeout);
    if (arrival != Arrival::kData) co_return false;
  }
  arrived_ = Clock::now();
  co_return true;
}

// The head, where it arrived as a whole. Nearly all do, and for them no coroutine is made.
std::optional<http::RequestHead> Connection::HeadAtHand() const {
  auto parsed = http::ParseRequestHead(stream_->buffer().view(), kRequestLimits);
  auto* head = std::get_if<http::RequestHead>(&parsed);
  return head ? std::optional(std::move(*head)) : std::nullopt;
}

asio::awaitable<std::optional<http::RequestHead>> Connection::ReadHead() {
  const TimePoint deadline = arrived_ + thread_.shared.plan.server.header_timeout;
  ByteQueue& buffer = stream_->buffer();
  std::size_t parsed_at = 0;
  for (;;) {
    // A head that comes byte by byte is not parsed byte by byte.
    const bool line_end = buffer.view().find('\n', parsed_at) != std::string_view::npos;
    if (parsed_at == 0 || line_end || buffer.size() >= parsed_at + kParseEvery) {
      parsed_at = buffer.size();
      auto parsed = http::ParseRequestHead(buffer.view(), kRequestLimits);
      if (auto* head = std::get_if<http::RequestHead>(&parsed)) co_return std::move(*head);
      if (auto* error = std::get_if<http::HeadError>(&parsed)) {
        co_await RefuseHead(error->status, std::move(error->code), std::move(error->message));
        co_return std::nullopt;
      }
    }
    const Arrival arrival = co_await stream_->More(deadline);
    if (arrival == Arrival::kTimeout) {
      std::string code = "header_timeout";
      std::string message = "the request head did not arrive in time";
      co_await RefuseHead(408, std::move(code), std::move(message));
    }
    if (arrival != Arrival::kData) co_return std::nullopt;
  }
}

// A head that could not be understood has no method, route or id that could be trusted.
asio::awaitable<void> Connection::RefuseHead(int status, std::string code, std::string message) {
  thread_.meters.Rejected(status == 408 ? "slow_client" : RejectReason(code));
  const http::RequestHead nothing;
  Reply reply(thread_, nothing, nullptr, arrived_);
  http::Response response = http::ErrorResponse(status, code, message);
  response.close = true;
  co_await Answer(reply, nothing, std::move(response), false);
}

bool Connection::IsServedHere(const Target& target) const {
  const bool separate = thread_.shared.plan.server.metrics.has_value();
  if (!target.route) return false;
  if (!target.route->own) return !metrics_only_;
  switch (*target.route->own) {
    case OwnRoute::kMetrics: return metrics_only_ || !separate;
    case OwnRoute::kHealth:
    case OwnRoute::kLive:
    case OwnRoute::kReady: return true;
    default: return !metrics_only_;
  }
}

// One request. False: the connection ends here.
asio::awaitable<bool> Connection::Serve() {
  auto at_hand = HeadAtHand();
  if (!at_hand) at_hand = co_await ReadHead();
  if (!at_hand) co_return false;
  const http::RequestHead& head = *at_hand;
  stream_->buffer().Take(head.bytes);
  Target target = thread_.shared.router.Locate(head);
  if (!IsServedHere(target)) target.route = nullptr;
  Reply reply(thread_, head, target.route, arrived_);
  const bool no_body = head.framing == http::Framing::kNone;
  if (auto refusal = thread_.shared.router.CheckHead(target, head)) {
    co_return co_await Answer(reply, head, std::move(*refusal), no_body);
  }
  if (!target.route->own) co_return co_await RelayRequest(reply, head, std::move(target));
  if (*target.route->own == OwnRoute::kMetrics) co_return co_await Scrape(reply, head);
  http::Response response = AnswerOwnRoute(thread_.shared, target, head);
  co_return co_await Answer(reply, head, std::move(response), no_body);
}

asio::awaitable<bool> Connection::Scrape(Reply& reply, const http::RequestHead& head) {
  auto scraped = std::make_shared<Scraped>(thread_.io);
  auto executor = thread_.io.get_executor();
  scraped->done.expires_after(kScrapeTimeout);
  std::function<void(Scraper::Text)> hand_over = [scraped, executor](Scraper::Text text) {
    asio::post(executor, [scraped, text = std::move(text)] {
      scraped->text = text;
      scraped->done.cancel();
    });
  };
  const bool asked = thread_.shared.scraper.Ask(std::move(hand_over));
  boost::system::error_code ignored;
  if (asked) co_await scraped->done.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  http::Response response = http::ErrorResponse(503, "busy", "the metrics are being asked for too often");
  if (scraped->text) {
    response = http::Response{};
    response.fields.push_back({"Content-Type", "text/plain; version=0.0.4; charset=utf-8"});
    response.body = *scraped->text;
  }
  co_return co_await Answer(reply, head, std::move(response), head.framing == http::Framing::kNone);
}

Bytes Connection::MostBody(const Target& target) const {
  const config::Server& server = thread_.shared.plan.server;
  return target.route->json ? server.max_body : server.max_upload;
}

http::Response Connection::TooLarge(Bytes most) const {
  thread_.meters.Rejected("body_too_large");
  return http::ErrorResponse(413, "request_too_large", "the body is larger than " + FormatBytes(most));
}

// The whole body, when it is there with nothing behind it, as most are.
bool Connection::TakeBodyAtHand(const http::RequestHead& head, ByteQueue* body) {
  const bool here = head.framing == http::Framing::kNone ||
                    (head.framing == http::Framing::kLength && stream_->buffer().size() == head.content_length);
  if (here && head.framing == http::Framing::kLength) body->Swap(stream_->buffer());
  return here;
}

// Reads a body as a whole; a form that comes with its length, up to the field that names its model. An answer: why not.
asio::awaitable<std::optional<http::Response>> Connection::ReadBody(BodyIntake& intake) {
  Pace pace(thread_.shared.plan.server.body_timeout);
  http::BodyReader& reader = intake.reader;
  std::string* body = &intake.body;
  ByteQueue& buffer = stream_->buffer();
  while (!reader.done() && !intake.enough()) {
    if (buffer.empty()) {
      const Arrival arrival = co_await stream_->More(pace.Until(body->size()));
      if (arrival == Arrival::kClosed) co_return http::ErrorResponse(499, "client_closed_request", "the client left");
      if (arrival == Arrival::kTimeout) {
        thread_.meters.Rejected("slow_client");
        co_return http::ErrorResponse(408, "body_timeout", "the request body did not arrive in time");
      }
    }
    const auto step = reader.Feed(buffer.view(), body);
    buffer.Take(step.consumed);
    if (step.bad) {
      thread_.meters.Rejected("parse");
      co_return http::ErrorResponse(400, "parse", "the body's chunked framing is malformed");
    }
    if (body->size() > intake.most.count) co_return TooLarge(intake.most);
    if (!intake.form) continue;
    intake.form->Look(*body);
    if (!intake.held.Grow(body->size(), kMostFormsHeld * intake.most.count)) {
      co_return http::ErrorResponse(503, "busy", "too many forms are on their way whose model is not known yet; name it in "
                                                 "X-Berth-Model, in the path, or in the form's first field");
    }
  }
  if (intake.form && reader.done()) intake.form->End();
  co_return std::nullopt;
}

// What the body says of its model. Of a form, what was read to know that stays with the job, and the rest is to come.
// An answer: why not.
asio::awaitable<std::optional<http::Response>> Connection::ReadModel(BodyIntake& intake, Job& job, BodyModel& in_body) {
  if (intake.head.expect_continue && stream_->buffer().empty()) {
    const bool sent = co_await stream_->Write(ContinueHead(), thread_.shared.plan.server.body_timeout);
    (void)sent;  // reading the body tells
  }
  std::optional<http::Response> refusal;
  if (intake.form || !TakeBodyAtHand(intake.head, &job.body)) {
    refusal = co_await ReadBody(intake);
    job.body = ByteQueue(std::move(intake.body));
  }
  if (intake.form) in_body = intake.form->found();
  else if (!refusal) in_body = ReadBodyModel(job.body.view());
  if (intake.form && !intake.reader.done()) job.upload = std::make_unique<http::BodyReader>(intake.reader);
  co_return refusal;
}

// Why a request is refused before any of its body is read.
std::optional<http::Response> Connection::RefuseEarly(const http::RequestHead& head, const Target& target, Job& job) const {
  const Shared& shared = thread_.shared;
  bool bad_deadline = false;
  const auto deadline_ms = DeadlineMs(head, &bad_deadline);
  if (deadline_ms) job.deadline = arrived_ + std::chrono::milliseconds(*deadline_ms);
  if (bad_deadline) {
    return http::ErrorResponse(400, "invalid_deadline",
                               "X-Deadline-Ms must be a number from 1 to " + std::to_string(kMaxDeadlineMs));
  }
  if (shared.draining) {
    http::Response draining = http::ErrorResponse(503, "draining", "the daemon is shutting down");
    draining.fields.push_back({"Retry-After", "1"});
    draining.fields.push_back({"x-should-retry", "true"});
    return draining;
  }
  const Bytes most = MostBody(target);
  if (head.framing == http::Framing::kLength && head.content_length > most.count) return TooLarge(most);
  return std::nullopt;
}

asio::awaitable<bool> Connection::RelayRequest(Reply& reply, const http::RequestHead& head, Target target) {
  Job job;
  if (auto refusal = RefuseEarly(head, target, job)) co_return co_await Answer(reply, head, std::move(*refusal), false);
  BodyIntake intake(head, MostBody(target), thread_.shared.forms_held);
  BodyModel in_body;
  if (target.route->json || !IsNamedByHead(target, head)) {
    std::optional<http::Response> refusal = target.route->json ? std::nullopt : intake.Expect();
    if (!refusal) refusal = co_await ReadModel(intake, job, in_body);
    reply.RequestBytes(job.body.size());
    if (refusal) co_return co_await Answer(reply, head, std::move(*refusal), false);
  } else {
    job.upload = std::make_unique<http::BodyReader>(head);
    job.expects_continue = head.expect_continue && stream_->buffer().empty();
  }
  const bool body_read = !job.upload;
  job.decision = thread_.shared.router.Decide(target, head, in_body);
  reply.ForModel(job.decision.model);
  if (job.decision.refusal) co_return co_await Answer(reply, head, std::move(*job.decision.refusal), body_read);
  if (const auto timeout = job.decision.timeout_ms) {
    job.deadline = std::min(job.deadline.value_or(TimePoint::max()), arrived_ + std::chrono::milliseconds(*timeout));
  }
  job.head = &head;
  job.target = std::move(target);
  job.client = stream_;
  job.client_address = peer_;
  job.limit = &limit_;
  auto dispatch = std::make_shared<Dispatch>(thread_, reply, std::move(job));
  co_return co_await dispatch->Run();
}

asio::awaitable<bool> Connection::Answer(Reply& reply, const http::RequestHead& head, http::Response response,
                                         bool body_read) {
  if (response.status == 499) {
    thread_.meters.Disconnected(reply.route(), "queue");
    reply.End(499, Outcome::kCancelled, 0);
    co_return false;
  }
  const bool keep = head.keep_alive && body_read && !response.close && !thread_.shared.draining;
  response.fields.push_back({"x-request-id", reply.request_id()});
  const bool head_only = head.method == "HEAD";
  const std::string bytes = http::Serialize(response, keep, head_only);
  const Parts parts{asio::buffer(bytes), asio::const_buffer()};
  const bool sent = co_await stream_->Write(parts, thread_.shared.plan.server.body_timeout);
  reply.End(response.status, OutcomeOf(response.status), head_only ? 0 : response.body.size());
  co_return sent && keep;
}

}  // namespace berth::route
