#include "supervisor/route/attempt.h"

#include <utility>
#include <variant>

namespace asio = boost::asio;

namespace berth::route {
namespace {

const http::HeadLimits kResponseLimits;
constexpr auto kDeadPeerPatience = std::chrono::milliseconds(100);
// A worker reads what it is sent, or is found out as hung by the fleet; this only bounds the wait.
constexpr auto kWorkerPatience = std::chrono::minutes(10);
constexpr int kMostInterim = 8;  // 1xx heads before the real one

// One more in `counter` for as long as this lives; nullptr: nothing is counted.
class Counted {
 public:
  explicit Counted(std::atomic<int>* counter) : counter_(counter) {
    if (counter_) ++*counter_;
  }
  ~Counted() {
    if (counter_) --*counter_;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<int>* counter_;
};

}  // namespace

Attempt::Attempt(IoThread& thread, std::shared_ptr<launch::Endpoint> endpoint, Errand& errand)
    : thread_(thread), endpoint_(std::move(endpoint)), errand_(errand) {}

Attempt::~Attempt() {
  if (claim_) endpoint_->claims->Release(*claim_);
  if (upstream_) upstream_->Close();
}

bool Attempt::TakeBack() {
  if (revoked_) return true;
  if (responding_ || errand_.upload_begun) return false;
  revoked_ = claim_ ? endpoint_->claims->TryRevoke(*claim_) : !wrote_;
  return revoked_;
}

void Attempt::Interrupt() {
  interrupted_ = true;
  if (upstream_) upstream_->Close();
}

void Attempt::Hurry() {
  may_keep = false;
  if (upstream_) upstream_->Hurry(Clock::now() + kDeadPeerPatience);
}

AttemptResult Attempt::Again(std::string_view reason, bool counts) {
  AttemptResult result;
  result.end = AttemptEnd::kAgain;
  result.reason = reason;
  result.counts = counts;
  return result;
}

AttemptResult Attempt::Failed(bool garbage) {
  AttemptResult result;
  if (garbage) {
    result.end = AttemptEnd::kGarbage;
    return result;
  }
  const bool taken_before = revoked_;  // by the dispatch, because the replica is closing
  if (!TakeBack()) return result;
  if (taken_before) return Again("closing", false);
  // A kept connection that the worker hung up while the request was on its way says nothing about the worker.
  return reused_ ? Again("stale", false) : Again("died", true);
}

AttemptResult Attempt::NoEntry(std::string_view reason) {
  AttemptResult result;
  result.end = AttemptEnd::kNoEntry;
  result.reason = reason;
  return result;
}

// Takes a claim and a connection. A result: why there is none.
std::optional<AttemptResult> Attempt::Enter() {
  if (endpoint_->claims) {
    claim_ = endpoint_->claims->Offer();
    if (!claim_) return NoEntry("full");
  }
  // A kept connection that was hung up this very moment costs another try where one is allowed, else the request.
  const bool only_sure = !claim_ || errand_.upload;
  upstream_ = thread_.pool.Take(*endpoint_, only_sure);
  reused_ = upstream_ != nullptr;
  if (upstream_) return std::nullopt;
  auto connected = ConnectUnix(thread_.io, endpoint_->socket_path);
  if (const auto* failure = std::get_if<ConnectFailure>(&connected)) {
    return NoEntry(*failure == ConnectFailure::kFull ? "full" : "connect");
  }
  upstream_ = std::move(std::get<std::shared_ptr<Stream>>(connected));
  return std::nullopt;
}

asio::awaitable<AttemptResult> Attempt::Run() {
  if (auto refused = Enter()) co_return *refused;
  errand_.facts.claim = claim_;
  if (!errand_.upload) errand_.facts.body_bytes = errand_.body.size();
  const std::string head = MakeUpstreamHead(*errand_.head, errand_.facts);
  Parts parts{asio::buffer(head), asio::buffer(errand_.body.view())};
  wrote_ = true;  // from here on an external server may have seen it
  std::optional<bool> sent = upstream_->WriteNow(parts);
  if (!sent) sent = co_await upstream_->Write(parts, kWorkerPatience);
  AttemptResult bad;
  if (*sent && errand_.upload) sent = co_await Upload(&bad.fault);
  if (bad.fault != UploadFault::kNone) {
    bad.end = AttemptEnd::kBadUpload;
    co_return bad;
  }
  // A worker may refuse early and close: what it said is worth reading even when sending failed.
  bool garbage = false;
  if (*sent || !interrupted_) {
    auto answer = co_await ReadHead(*sent, &garbage);
    if (answer) co_return co_await RelayAnswer(std::move(*answer));
  }
  co_return Failed(garbage);
}

// The client's body as it comes, at the worker's pace.
asio::awaitable<bool> Attempt::Upload(UploadFault* fault) {
  Pace pace(errand_.body_timeout);
  const std::string none;
  while (!errand_.upload->done()) {
    *fault = co_await MoreUpload(pace);
    ByteQueue& buffer = errand_.client->buffer();
    if (*fault != UploadFault::kNone || buffer.empty()) co_return false;
    const auto step = errand_.upload->Feed(buffer.view());
    if (step.bad) *fault = UploadFault::kMalformed;
    if (errand_.upload->payload_bytes() > errand_.max_body) *fault = UploadFault::kTooLarge;
    if (*fault != UploadFault::kNone) co_return false;
    errand_.upload_begun = true;
    const std::string piece(buffer.view().substr(0, step.consumed));
    buffer.Take(step.consumed);
    const Parts parts{asio::buffer(piece), asio::buffer(none)};
    const TimePoint began = Clock::now();
    const bool sent = co_await upstream_->Write(parts, kWorkerPatience);
    if (!sent) co_return false;
    pace.Forgive(Clock::now() - began);
  }
  co_return true;
}

// Waits for bytes of the upload; none and no fault: the client left. A client that asked is told to send first,
// now that there is a replica to send to.
asio::awaitable<UploadFault> Attempt::MoreUpload(Pace& pace) {
  Stream& client = *errand_.client;
  if (!client.buffer().empty()) co_return UploadFault::kNone;
  if (std::exchange(errand_.expects_continue, false)) {
    const bool told = co_await client.Write(ContinueHead(), errand_.body_timeout);
    if (!told) co_return UploadFault::kNone;
  }
  const Arrival arrival = co_await client.More(pace.Until(errand_.upload->payload_bytes()));
  co_return arrival == Arrival::kTimeout ? UploadFault::kSlow : UploadFault::kNone;
}

// A request that is not whole at the worker (not `sent`) is not waited for: its client may be slow.
asio::awaitable<std::optional<http::ResponseHead>> Attempt::ReadHead(bool sent, bool* garbage) {
  const Counted counted(sent ? &endpoint_->awaiting : nullptr);
  ByteQueue& buffer = upstream_->buffer();
  int interim = 0;
  for (;;) {
    if (!buffer.empty()) {
      responding_ = true;
      auto parsed = http::ParseResponseHead(buffer.view(), errand_.head->method, kResponseLimits);
      if (auto* head = std::get_if<http::ResponseHead>(&parsed)) {
        buffer.Take(head->bytes);
        if (head->status >= 200) co_return std::move(*head);
        *garbage = head->status == 101 || ++interim > kMostInterim;
        if (*garbage) co_return std::nullopt;
        continue;
      }
      *garbage = std::holds_alternative<http::HeadError>(parsed);
      if (*garbage) co_return std::nullopt;
    }
    const Arrival arrival = co_await upstream_->More(TimePoint::max());
    if (arrival != Arrival::kData) co_return std::nullopt;
  }
}

asio::awaitable<AttemptResult> Attempt::RelayAnswer(http::ResponseHead head) {
  AttemptResult result;
  // "claim_lost" and "draining" are said to the proxy, not to the client, while nothing has begun.
  if (head.status == 409 || head.status == 503) {
    const bool taken_before = revoked_;
    const bool mine = claim_ && !errand_.upload_begun && (revoked_ || endpoint_->claims->TryRevoke(*claim_));
    if (mine) co_return taken_before ? Again("closing", false) : Again("refused", true);
  }
  // What is not a stream of events has been computed by now: a client that reads it slowly must not make the
  // replica look hung.
  if (claim_ && !IsEventStream(head)) {
    endpoint_->claims->Release(*claim_);
    claim_.reset();
  }
  Relay relay(head, *upstream_, *errand_.client, errand_.terms);
  const RelayResult relayed = co_await relay.Run();
  result.status = head.status;
  result.bytes = relayed.bytes;
  result.keep_client = relayed.keep_client;
  switch (relayed.end) {
    case RelayResult::End::kWhole: result.end = AttemptEnd::kReplied; break;
    case RelayResult::End::kNothingSent: co_return Failed(relayed.garbage);
    case RelayResult::End::kBroken: result.end = AttemptEnd::kCut; break;
    case RelayResult::End::kClientGone: result.end = AttemptEnd::kClientGone; break;
  }
  if (relayed.keep_upstream && may_keep) thread_.pool.Put(*endpoint_, std::exchange(upstream_, nullptr));
  co_return result;
}

}  // namespace berth::route
