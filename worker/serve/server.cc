#include "worker/serve/server.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "supervisor/base/deadline.h"
#include "supervisor/base/log.h"

namespace asio = boost::asio;

namespace berth::serve {
namespace {

// The proxy opens at most a window of connections (256); beyond this somebody else has found the socket.
constexpr std::size_t kMaxConnections = 1024;
constexpr Duration kAcceptPause = std::chrono::milliseconds(20);

}  // namespace

Server::Server(asio::io_context& io, Fd listener, http::Handler handler, http::ServerLimits limits)
    : io_(io),
      acceptor_(io, asio::local::stream_protocol(), listener.Release()),
      handler_(std::move(handler)),
      limits_(std::move(limits)),
      accepting_(io.get_executor()),
      connections_(io.get_executor()),
      closing_(io.get_executor()) {}

void Server::Start() { accepting_.Spawn("accept", Accept()); }

asio::awaitable<void> Server::Accept() {
  while (acceptor_.is_open()) {
    if (connections_.size() >= kMaxConnections) {
      co_await SleepFor(kAcceptPause);
      continue;
    }
    boost::system::error_code failed;
    auto socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
    if (failed == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
    if (failed) {  // no descriptors left, or the client was gone before it was served
      LogWarning("accept failed: " + failed.message());
      co_await SleepFor(kAcceptPause);
      continue;
    }
    http::Socket generic(std::move(socket));
    connections_.Spawn("connection", http::ServeConnection(std::move(generic), handler_, limits_, draining_));
  }
}

void Server::Close(Duration grace, std::function<void()> closed) {
  closing_.Spawn("close", Finish(grace, std::move(closed)));
}

asio::awaitable<void> Server::Finish(Duration grace, std::function<void()> closed) {
  draining_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  connections_.Cancel();
  // A client that does not read its reply must not keep the worker.
  const TimePoint deadline = Clock::now() + grace;
  while (connections_.size() > 0 && Clock::now() < deadline) co_await SleepFor(std::chrono::milliseconds(1));
  closed();
}

}  // namespace berth::serve
