// Writes an EventSource to its client as server-sent events (WHATWG HTML §9.2), at the client's pace: while the
// connection takes nothing, nothing is asked of the source. Silence is broken by comments. On the io thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <vector>

#include "supervisor/base/duration.h"
#include "worker/protocol/http_server.h"
#include "worker/serve/call.h"

namespace berth::serve {

inline constexpr Duration kPingEvery = std::chrono::seconds(15);

// Begins the reply (200, with `fields` beside those of every event stream), and ends it with the source's last piece.
// A client that leaves ends it earlier.
boost::asio::awaitable<void> SendEvents(http::Exchange& exchange, std::unique_ptr<EventSource> source,
                                        std::vector<http::Field> fields, Duration ping_every);

}  // namespace berth::serve
