#include "worker/serve/event_stream.h"

#include <string>
#include <utility>

namespace asio = boost::asio;

namespace berth::serve {
namespace {

constexpr const char* kPing = ": ping\n\n";

std::vector<http::Field> Head(std::vector<http::Field> fields) {
  fields.push_back({"Content-Type", "text/event-stream; charset=utf-8"});
  fields.push_back({"Cache-Control", "no-cache"});
  fields.push_back({"X-Accel-Buffering", "no"});
  return fields;
}

}  // namespace

asio::awaitable<void> SendEvents(http::Exchange& exchange, std::unique_ptr<EventSource> source,
                                 std::vector<http::Field> fields, Duration ping_every) {
  auto head = Head(std::move(fields));
  bool open = co_await exchange.BeginStream(200, std::move(head));
  bool last = false;
  while (open && !last) {
    auto piece = co_await source->Next(Clock::now() + ping_every);
    last = piece.last;
    if (piece.events.empty() && !last) piece.events = kPing;
    open = co_await exchange.WriteChunk(std::move(piece.events));
  }
  if (open) co_await exchange.EndStream();
}

}  // namespace berth::serve
