#include "supervisor/route/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "supervisor/base/deadline.h"
#include "supervisor/base/log.h"

namespace asio = boost::asio;
using asio::ip::tcp;

namespace berth::route {
namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerTurn = 64;  // so that a flood of clients leaves time for the others
constexpr auto kPauseOutOfDescriptors = std::chrono::milliseconds(100);

Error BindError(int error, const std::string& address) {
  if (error == EADDRINUSE) {
    return MakeError(ErrorKind::kConflict, "cannot listen on ", address,
                     ": the address is in use; stop the other program or change server.listen");
  }
  if (error == EACCES || error == EPERM) {
    return MakeError(ErrorKind::kPermission, "cannot listen on ", address,
                     ": no permission; use a port above 1023 or grant CAP_NET_BIND_SERVICE");
  }
  if (error == EADDRNOTAVAIL) {
    return MakeError(ErrorKind::kNotFound, "cannot listen on ", address, ": this host does not have that address");
  }
  return SystemError(error, "cannot listen on " + address);
}

Result<tcp::endpoint> Resolve(asio::io_context& io, const config::Address& address) {
  boost::system::error_code error;
  const auto literal = asio::ip::make_address(address.host, error);
  if (!error) return tcp::endpoint(literal, address.port);
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    return MakeError(ErrorKind::kNotFound, "cannot listen on ", config::Format(address), ": unknown host \"",
                     address.host, "\"");
  }
  return found.begin()->endpoint();
}

Result<Fd> BoundSocket(const tcp::endpoint& endpoint, const std::string& name) {
  Fd fd(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return SystemError(errno, "cannot create a socket for " + name);
  const int on = 1;
  // A restarted daemon must not wait for its predecessor's connections to time out.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) return BindError(errno, name);
  if (::listen(fd.get(), kBacklog) != 0) return BindError(errno, name);
  return fd;
}

std::string PeerAddress(const sockaddr_storage& storage) {
  tcp::endpoint endpoint;
  std::memcpy(endpoint.data(), &storage, endpoint.capacity());
  return endpoint.address().to_string();
}

}  // namespace

Listener::Listener(asio::io_context& io, tcp protocol, Fd fd)
    : acceptor_(io, protocol, fd.Release()), family_(protocol.family()) {
  const auto local = acceptor_.local_endpoint();
  address_ = config::Format({local.address().to_string(), local.port()});
}

Result<std::unique_ptr<Listener>> Listener::Bind(asio::io_context& io, const config::Address& address) {
  const auto endpoint = Resolve(io, address);
  if (!endpoint) return endpoint.error();
  auto fd = BoundSocket(*endpoint, config::Format(address));
  if (!fd) return fd.error();
  return std::unique_ptr<Listener>(new Listener(io, endpoint->protocol(), std::move(*fd)));
}

// False: out of descriptors or memory; try again later.
bool Listener::AcceptAll(const OnClient& on_client) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    Fd fd(::accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&storage), &size,
                    SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return false;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return true;
    }
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    on_client(std::move(fd), family_, PeerAddress(storage));
  }
  return true;
}

asio::awaitable<void> Listener::Run(OnClient on_client) {
  while (!closed_) {
    boost::system::error_code error;
    co_await acceptor_.async_wait(tcp::acceptor::wait_read, asio::redirect_error(asio::use_awaitable, error));
    if (closed_ || error) continue;
    if (AcceptAll(on_client)) continue;
    LogWarning("out of descriptors or memory: clients of " + address_ + " wait");
    co_await SleepFor(kPauseOutOfDescriptors);
  }
}

void Listener::Close() {
  closed_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

}  // namespace berth::route
