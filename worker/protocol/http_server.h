// Serves one accepted connection: reads heads and bodies under limits and deadlines, answers malformed
// requests itself, calls the handler for the others, keeps the connection alive as HTTP/1.1 says. Used by the
// worker (Unix socket) and the admin socket (Unix socket); the proxy has its own loop, since it relays.
// The handler may stream: it writes through the connection and returns nothing more to send.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "supervisor/base/duration.h"
#include "worker/protocol/http_message.h"

namespace berth::http {

using Socket = boost::asio::generic::stream_protocol::socket;

struct ServerLimits {
  HeadLimits head;
  std::uint64_t max_body = 8 * 1024 * 1024;
  Duration header_timeout = std::chrono::seconds(10);
  Duration body_timeout = std::chrono::seconds(30);   // without progress
  Duration idle_timeout = std::chrono::seconds(75);
  Duration write_timeout = std::chrono::seconds(30);  // without progress
  // For each request that has a body; null: bodies are held to max_body alone.
  std::function<std::unique_ptr<BodyMemory>()> body_memory = nullptr;
};

// What a handler may do with its connection while it works.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual Socket& socket() = 0;
  // Starts a streamed answer (chunked for HTTP/1.1, until close for 1.0).
  virtual boost::asio::awaitable<bool> BeginStream(int status, std::vector<Field> fields) = 0;
  // One chunk; false: the client is gone, stop.
  virtual boost::asio::awaitable<bool> WriteChunk(std::string bytes) = 0;
  virtual boost::asio::awaitable<void> EndStream() = 0;
  // Called at most once, on the connection's executor, when the client closes or resets while the handler
  // runs. Bytes of a next request do not count as leaving.
  virtual void OnGone(std::function<void()> callback) = 0;
  virtual bool gone() const = 0;
};

// Returns the answer, or nothing after having streamed it.
using Handler =
    std::function<boost::asio::awaitable<std::optional<Response>>(std::shared_ptr<Request>, Exchange&)>;

// Runs until the connection ends. Cancelling it closes the connection after the request in progress, if
// `draining` says so, else at once. `handler` and `limits` outlive the call.
boost::asio::awaitable<void> ServeConnection(Socket socket, const Handler& handler, const ServerLimits& limits,
                                             const bool& draining);

}  // namespace berth::http
