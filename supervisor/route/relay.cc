#include "supervisor/route/relay.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace asio = boost::asio;

namespace berth::route {
namespace {

constexpr std::uint64_t kWholeUpTo = 64 * 1024;
// An event stream whose events are longer than this is passed on without waiting for their ends.
constexpr std::size_t kMaxEvent = 256 * 1024;

Parts Both(std::string_view a, std::string_view b) { return {asio::buffer(a), asio::buffer(b)}; }

// Behind the last complete event.
std::size_t EndOfEvents(const std::string& text) {
  const std::size_t lf = text.rfind("\n\n");
  const std::size_t crlf = text.rfind("\r\n\r\n");
  const std::size_t after_lf = lf == std::string::npos ? 0 : lf + 2;
  const std::size_t after_crlf = crlf == std::string::npos ? 0 : crlf + 4;
  return std::max(after_lf, after_crlf);
}

std::string Chunk(const std::string& payload) {
  char size[17];
  const auto end = std::to_chars(size, size + sizeof size, payload.size(), 16).ptr;
  std::string chunk(size, end);
  return chunk.append("\r\n").append(payload).append("\r\n");
}

}  // namespace

bool IsEventStream(const http::ResponseHead& head) {
  const std::string* type = head.Find("Content-Type");
  constexpr std::string_view kType = "text/event-stream";
  return type && http::EqualsIgnoreCase(std::string_view(*type).substr(0, kType.size()), kType);
}

Relay::Relay(const http::ResponseHead& head, Stream& upstream, Stream& client, RelayTerms terms)
    : head_(head), upstream_(upstream), client_(client), terms_(std::move(terms)), body_(head) {}

BodyFraming Relay::ChooseFraming() const {
  switch (head_.framing) {
    case http::Framing::kNone: return BodyFraming::kNone;
    case http::Framing::kLength: return BodyFraming::kLength;
    case http::Framing::kChunked:
      return terms_.facts.client_version == 10 ? BodyFraming::kUntilClose : BodyFraming::kChunked;
    case http::Framing::kUntilClose: return BodyFraming::kUntilClose;
  }
  return BodyFraming::kUntilClose;
}

RelayResult Relay::Ended(RelayResult::End end) const {
  RelayResult result;
  result.end = end;
  result.garbage = garbage_;
  result.streamed = streamed_;
  result.bytes = body_.payload_bytes();
  if (end == RelayResult::End::kWhole) {
    result.keep_client = terms_.facts.keep_alive;
    result.keep_upstream = head_.keep_alive && head_.framing != http::Framing::kUntilClose &&
                           upstream_.buffer().empty() && !upstream_.ended();
  }
  return result;
}

asio::awaitable<RelayResult> Relay::Run() {
  const bool small = head_.framing == http::Framing::kNone ||
                     (head_.framing == http::Framing::kLength && head_.content_length <= kWholeUpTo);
  terms_.facts.framing = ChooseFraming();
  if (small) return RunWhole();
  return IsEventStream(head_) ? RunEvents() : RunPieces();
}

// What the buffer holds of the body.
Relay::Piece Relay::TakeFromBuffer(ByteQueue* piece) {
  ByteQueue& buffer = upstream_.buffer();
  if (body_.done()) return Piece::kDone;
  if (buffer.empty()) return Piece::kSilent;
  std::string copy;
  const auto step = body_.Feed(buffer.view(), decode_ ? &copy : nullptr);
  if (step.bad) {
    garbage_ = true;
    return Piece::kBroken;
  }
  if (!decode_ && step.consumed == buffer.size()) {
    piece->Clear();
    piece->Swap(buffer);
  } else {
    if (!decode_) copy = buffer.view().substr(0, step.consumed);
    *piece = ByteQueue(std::move(copy));
    buffer.Take(step.consumed);
  }
  return Piece::kData;
}

asio::awaitable<Relay::Piece> Relay::Next(TimePoint deadline, ByteQueue* piece) {
  for (;;) {
    const Piece taken = TakeFromBuffer(piece);
    if (taken != Piece::kSilent) co_return taken;
    const Arrival arrival = co_await upstream_.More(deadline);
    if (arrival == Arrival::kClosed && body_.EndsAtClose() && !upstream_.closed()) co_return Piece::kDone;
    if (arrival == Arrival::kClosed || upstream_.hurried()) {
      if (arrival != Arrival::kData) co_return Piece::kBroken;
    }
    if (arrival == Arrival::kTimeout) co_return Piece::kSilent;
  }
}

asio::awaitable<RelayResult> Relay::RunWhole() {
  ByteQueue body;
  ByteQueue piece;
  while (!body_.done()) {
    Piece next = TakeFromBuffer(&piece);  // where it mostly is
    if (next == Piece::kSilent) next = co_await Next(TimePoint::max(), &piece);
    if (next != Piece::kData) co_return Ended(RelayResult::End::kNothingSent);
    body.empty() ? body.Swap(piece) : body.Append(piece.view());  // it mostly comes in one piece
  }
  const std::string head = MakeClientHead(head_, terms_.facts);
  Parts parts = Both(head, body.view());
  std::optional<bool> sent = client_.WriteNow(parts);
  if (!sent) sent = co_await client_.Write(parts, terms_.patience);
  co_return Ended(*sent ? RelayResult::End::kWhole : RelayResult::End::kClientGone);
}

asio::awaitable<RelayResult> Relay::RunPieces() {
  streamed_ = true;
  const bool until_close = terms_.facts.framing == BodyFraming::kUntilClose;
  decode_ = until_close;
  if (until_close) terms_.facts.keep_alive = false;
  std::string head = MakeClientHead(head_, terms_.facts);
  ByteQueue piece;
  for (;;) {
    // The head leaves with the first piece, or alone when that is not there yet.
    Piece next = TakeFromBuffer(&piece);
    if (next == Piece::kSilent && head.empty()) next = co_await Next(TimePoint::max(), &piece);
    if (next == Piece::kDone && head.empty()) co_return Ended(RelayResult::End::kWhole);
    if (next == Piece::kBroken) {
      if (!head.empty()) co_return Ended(RelayResult::End::kNothingSent);
      client_.Abort();
      co_return Ended(RelayResult::End::kBroken);
    }
    if (next != Piece::kData) piece.Clear();
    const bool sent = co_await client_.Write(Both(head, piece.view()), terms_.patience);
    if (!sent) co_return Ended(RelayResult::End::kClientGone);
    head.clear();
  }
}

asio::awaitable<bool> Relay::SendEvents(std::string events) {
  if (events.empty()) co_return true;
  const std::string bytes = terms_.facts.framing == BodyFraming::kChunked ? Chunk(events) : std::move(events);
  const std::string none;
  co_return co_await client_.Write(Both(bytes, none), terms_.patience);
}

asio::awaitable<RelayResult> Relay::RunEvents() {
  streamed_ = decode_ = true;
  terms_.facts.framing = terms_.facts.client_version == 10 ? BodyFraming::kUntilClose : BodyFraming::kChunked;
  if (terms_.facts.framing == BodyFraming::kUntilClose) terms_.facts.keep_alive = false;
  const std::string head = MakeClientHead(head_, terms_.facts);
  const std::string last = terms_.facts.framing == BodyFraming::kChunked ? "0\r\n\r\n" : "";
  const std::string none;
  bool sent = co_await client_.Write(Both(head, none), terms_.patience);
  std::string pending;  // the beginning of an event
  ByteQueue piece;
  while (sent) {
    const Piece next = co_await Next(Clock::now() + terms_.ping_every, &piece);
    if (next == Piece::kBroken) co_return co_await CutEvents();
    if (next == Piece::kDone) {
      sent = co_await SendEvents(std::move(pending));
      if (sent) sent = co_await client_.Write(Both(last, none), terms_.patience);
      co_return Ended(sent ? RelayResult::End::kWhole : RelayResult::End::kClientGone);
    }
    if (next == Piece::kSilent) {
      if (!pending.empty()) continue;
      terms_.on_ping();
      std::string ping = ": ping\n\n";
      sent = co_await SendEvents(std::move(ping));
      continue;
    }
    pending += piece.view();
    std::size_t end = EndOfEvents(pending);
    torn_ = torn_ && end == 0;
    if (pending.size() - end > kMaxEvent) {
      end = pending.size();
      torn_ = true;
    }
    std::string events = pending.substr(0, end);
    pending.erase(0, end);
    sent = co_await SendEvents(std::move(events));
  }
  co_return Ended(RelayResult::End::kClientGone);
}

// The worker's stream broke: an error event, then the end of the body, without [DONE].
// The beginning of an event that has not been sent is dropped: half of one followed by an error would be neither.
asio::awaitable<RelayResult> Relay::CutEvents() {
  std::string event = (torn_ ? "\n\ndata: " : "data: ") + terms_.cut_event() + "\n\n";
  bool sent = co_await SendEvents(std::move(event));
  const std::string last = terms_.facts.framing == BodyFraming::kChunked ? "0\r\n\r\n" : "";
  const std::string none;
  if (sent) sent = co_await client_.Write(Both(last, none), terms_.patience);
  co_return Ended(sent ? RelayResult::End::kBroken : RelayResult::End::kClientGone);
}

}  // namespace berth::route
