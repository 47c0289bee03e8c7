// Carries one response from a worker to a client. Small bodies of known length are sent whole or not at all,
// so that a worker's death leaves room for a proper error; event streams are sent event by event, so that an
// error event never lands inside another (R3), with a comment ping when the worker is silent (R8); everything
// else goes through as raw bytes, one bounded read at a time, at the client's pace (R7).
// Lives on an io thread; owned by the attempt that got the response.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

#include "supervisor/base/duration.h"
#include "supervisor/route/heads.h"
#include "supervisor/route/stream.h"
#include "worker/protocol/http_body.h"

namespace berth::route {

struct RelayTerms {
  ClientHeadFacts facts;                         // framing and keep_alive are decided here
  Duration patience{};                           // a client that takes nothing for this long is dropped
  Duration ping_every{};                         // silence of an event stream
  std::function<std::string()> cut_event;        // the JSON of the error event when the worker's stream breaks
  std::function<void()> on_ping;
};

struct RelayResult {
  enum class End {
    kWhole,        // the client has everything
    kNothingSent,  // the response broke before any byte went out: another answer is possible
    kBroken,       // it broke in the middle, and the client was told in the only way left
    kClientGone,
  };
  End end = End::kNothingSent;
  bool garbage = false;        // it broke because of its framing
  bool keep_client = false;
  bool keep_upstream = false;
  bool streamed = false;       // more than one piece was sent
  std::uint64_t bytes = 0;     // of payload sent
};

// An event stream is sent while it is computed; anything else is sent when it is there.
bool IsEventStream(const http::ResponseHead& head);

class Relay {
 public:
  // `head` was read from `upstream`, whose buffer starts behind it. All outlive this.
  Relay(const http::ResponseHead& head, Stream& upstream, Stream& client, RelayTerms terms);
  boost::asio::awaitable<RelayResult> Run();

 private:
  enum class Piece { kData, kDone, kBroken, kSilent };

  boost::asio::awaitable<RelayResult> RunWhole();
  boost::asio::awaitable<RelayResult> RunPieces();
  boost::asio::awaitable<RelayResult> RunEvents();
  boost::asio::awaitable<Piece> Next(TimePoint deadline, ByteQueue* piece);
  Piece TakeFromBuffer(ByteQueue* piece);
  boost::asio::awaitable<bool> SendEvents(std::string events);
  boost::asio::awaitable<RelayResult> CutEvents();
  RelayResult Ended(RelayResult::End end) const;
  BodyFraming ChooseFraming() const;

  const http::ResponseHead& head_;
  Stream& upstream_;
  Stream& client_;
  RelayTerms terms_;
  http::BodyReader body_;
  bool decode_ = false;   // pieces are payload, not raw bytes
  bool garbage_ = false;
  bool streamed_ = false;
  bool torn_ = false;     // an event too long to wait for is half sent
};

}  // namespace berth::route
