// Accepts connections on the inherited listening socket and serves them on the calling io_context, which one
// thread runs. Owned by the program; knows nothing of models.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>

#include "supervisor/base/duration.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/task_group.h"
#include "worker/protocol/http_server.h"

namespace berth::serve {

class Server {
 public:
  // `listener`: bound and listening. Both outlive the io_context's run.
  Server(boost::asio::io_context& io, Fd listener, http::Handler handler, http::ServerLimits limits);

  void Start();
  // Stops accepting, lets the replies that are being written end, closes the connections, then calls
  // `closed`.
  void Close(Duration grace, std::function<void()> closed);

 private:
  boost::asio::awaitable<void> Accept();
  boost::asio::awaitable<void> Finish(Duration grace, std::function<void()> closed);

  boost::asio::io_context& io_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  const http::Handler handler_;
  const http::ServerLimits limits_;
  bool draining_ = false;
  TaskGroup accepting_;
  TaskGroup connections_;
  TaskGroup closing_;
};

}  // namespace berth::serve
