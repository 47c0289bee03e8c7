#include "worker/protocol/control_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "worker/protocol/control.h"

namespace asio = boost::asio;

namespace berth::protocol {
namespace {

// ECONNRESET is reported once, before packets that are still queued; a socket that repeats it is broken.
constexpr int kMaxResets = 8;

Error PeerGone() { return MakeError(ErrorKind::kUnavailable, "the control socket's other end is closed"); }

struct Received {
  bool would_block = false;
  std::optional<std::string> packet;  // nothing: end of file
};

Result<Received> ReceiveNow(int fd) {
  std::string packet(kMaxPacket, '\0');
  for (int resets = 0;;) {
    // With MSG_TRUNC the packet's real length comes back, however little fitted.
    const ssize_t n = ::recv(fd, packet.data(), packet.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (n > static_cast<ssize_t>(kMaxPacket)) {
      return Invalid("a control packet of ", n, " bytes; at most ", kMaxPacket, " are allowed");
    }
    if (n > 0) {
      packet.resize(static_cast<std::size_t>(n));
      return Received{false, std::move(packet)};
    }
    if (n == 0) return Received{false, std::nullopt};
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Received{true, std::nullopt};
    if (errno == EINTR || (errno == ECONNRESET && ++resets < kMaxResets)) continue;
    return SystemError(errno, "cannot read from the control socket");
  }
}

}  // namespace

Result<std::pair<Fd, Fd>> MakeControlPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return SystemError(errno, "cannot create a control socket");
  }
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Result<bool> SendPacket(int fd, std::string_view packet) {
  if (packet.empty()) return Invalid("an empty control packet would read as end of file");
  if (packet.size() > kMaxPacket) {
    return Invalid("a control packet of ", packet.size(), " bytes; at most ", kMaxPacket, " are allowed");
  }
  for (;;) {
    const ssize_t n = ::send(fd, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) return true;
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return false;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return PeerGone();
    return SystemError(errno, "cannot write to the control socket");
  }
}

Result<std::optional<std::string>> ReceivePacket(int fd) {
  for (;;) {
    Result<Received> received = ReceiveNow(fd);
    if (!received) return received.error();
    if (!received->would_block) return std::move(received->packet);
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, -1) < 0 && errno != EINTR)
      return SystemError(errno, "cannot wait on the control socket");
  }
}

asio::awaitable<Result<std::optional<std::string>>> AsyncReceivePacket(ControlSocket& socket) {
  for (;;) {
    Result<Received> received = ReceiveNow(socket.native_handle());
    if (!received) co_return received.error();
    if (!received->would_block) co_return std::move(received->packet);
    boost::system::error_code error;
    co_await socket.async_wait(asio::socket_base::wait_read,
                               asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return SystemError(error.value(), "cannot wait on the control socket");
  }
}

}  // namespace berth::protocol
