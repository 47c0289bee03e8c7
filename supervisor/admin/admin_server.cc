#include "supervisor/admin/admin_server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

#include "supervisor/base/deadline.h"
#include "supervisor/base/log.h"

namespace asio = boost::asio;

namespace berth::admin {
namespace {

// A connection's second descriptor, known to the server while the connection lives.
class Twin {
 public:
  Twin(const Fd& connection, std::set<int>& open)
      : fd_(::fcntl(connection.get(), F_DUPFD_CLOEXEC, 0)), open_(open) {
    if (fd_) open_.insert(fd_.get());
  }
  ~Twin() { open_.erase(fd_.get()); }
  Twin(const Twin&) = delete;
  Twin& operator=(const Twin&) = delete;

 private:
  const Fd fd_;
  std::set<int>& open_;
};

constexpr int kBacklog = 64;
constexpr mode_t kSocketMode = 0660;

// What accept() may fail with for reasons that pass: descriptors or memory are short.
constexpr Duration kAfterAcceptFailure = std::chrono::milliseconds(100);

// A refusal small enough for any socket buffer; a peer that does not read it loses it.
void Refuse(const Fd& connection, int status, std::string_view code, const std::string& message) {
  const std::string bytes = http::Serialize(http::ErrorResponse(status, code, message), false);
  [[maybe_unused]] const auto sent =
      ::send(connection.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

Result<Fd> Bind(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    return Invalid("admin socket ", text, " has ", text.size(), " bytes, a Unix socket may have ",
                   sizeof address.sun_path - 1, "; set server.admin to a shorter path");
  }
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return SystemError(errno, "cannot make the admin socket");
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int reason = errno;
    // The runtime folder's owner has removed every socket that a dead daemon left here.
    if (reason == EADDRINUSE) return MakeError(ErrorKind::kConflict, text, " exists and is no socket; remove it");
    return SystemError(reason, "cannot bind the admin socket " + text);
  }
  // Before listen(): nobody can connect while the mode is still what the umask made of it.
  if (::chmod(text.c_str(), kSocketMode) != 0) return SystemError(errno, "cannot set the mode of " + text);
  if (::listen(fd.get(), kBacklog) != 0) return SystemError(errno, "cannot listen on " + text);
  return fd;
}

}  // namespace

AdminServer::AdminServer(asio::any_io_executor executor, Context& context)
    : executor_(executor), context_(context), acceptor_(executor), accepting_(executor), connections_(executor) {}

Status AdminServer::Listen(const std::filesystem::path& path) {
  Result<Fd> fd = Bind(path);
  if (!fd) return fd.error();
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return SystemError(errno, "cannot look at " + path.string());
  socket_group_ = info.st_gid;
  path_ = path;
  acceptor_.assign(asio::local::stream_protocol(), fd->Release());
  return Ok();
}

void AdminServer::Run() { accepting_.Spawn("admin accept", AcceptLoop()); }

asio::awaitable<void> AdminServer::AcceptLoop() {
  while (!context_.stopping) {
    boost::system::error_code failed;
    co_await acceptor_.async_wait(asio::socket_base::wait_read, asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return;
    Fd connection(::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection) {
      Take(std::move(connection));
    } else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
      LogWarning(SystemError(errno, "cannot accept an admin connection").message);
      co_await SleepFor(kAfterAcceptFailure);
    }
  }
}

void AdminServer::Take(Fd connection) {
  Result<Peer> peer = PeerOf(connection.get());
  if (!peer) return LogWarning(peer.error().message);
  if (!MayConnect(*peer, ::geteuid(), socket_group_)) {
    LogWarning("admin connection refused: " + Describe(*peer) + " is not in the group of " + path_.string());
    return Refuse(connection, 403, "permission_denied", "you are neither this daemon's user nor in its socket's group");
  }
  if (connections_.size() >= kMostConnections) {
    return Refuse(connection, 503, "too_many_connections",
                  std::to_string(kMostConnections) + " admin connections are open; close one, or try again later");
  }
  connections_.Spawn("admin connection", Serve(std::move(connection), *std::move(peer)));
}

asio::awaitable<void> AdminServer::Serve(Fd connection, Peer peer) {
  const Twin twin(connection, open_);
  const http::Handler handler = [this, &peer](std::shared_ptr<http::Request> request, http::Exchange& exchange) {
    return Dispatch(context_, std::move(request), exchange, peer);
  };
  http::Socket socket(executor_, asio::generic::stream_protocol(AF_UNIX, 0), connection.Release());
  co_await http::ServeConnection(std::move(socket), handler, limits_, context_.stopping);
}

asio::awaitable<void> AdminServer::Stop(Duration grace) {
  context_.stopping = true;
  if (acceptor_.is_open()) ::unlink(path_.c_str());
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  accepting_.Cancel();
  co_await accepting_.Join();
  for (Wakeup* stream : context_.streams) stream->Wake();
  // Cancelling ends idle connections at once and busy ones after their answer.
  connections_.Cancel();
  const bool ended = co_await ConnectionsEnd(Clock::now() + grace);
  if (ended) co_return;
  for (const int connection : open_) ::shutdown(connection, SHUT_RDWR);
  co_await connections_.Join();
}

asio::awaitable<bool> AdminServer::ConnectionsEnd(TimePoint deadline) {
  while (connections_.size() > 0 && Clock::now() < deadline) co_await SleepFor(std::chrono::milliseconds(10));
  co_return connections_.size() == 0;
}

}  // namespace berth::admin
