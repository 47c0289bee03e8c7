#include "supervisor/launch/listen_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace berth::launch {
namespace {

constexpr int kBacklog = 4096;

}  // namespace

Result<ListenSocket> ListenSocket::Bind(std::filesystem::path path) {
  const std::string name = path.string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path) {
    return Invalid("the socket path ", name, " has ", name.size(), " bytes, and Unix sockets allow ",
                   sizeof address.sun_path - 1, "; choose a shorter runtime folder (server.admin)");
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return SystemError(errno, "cannot create a socket for a worker");
  ::unlink(name.c_str());  // the runtime folder is ours alone
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT) {
      return MakeError(ErrorKind::kNotFound, "cannot bind ", name,
                       ": the runtime folder is gone; restart berthd, which makes it again");
    }
    return SystemError(errno, "cannot bind " + name);
  }
  ListenSocket socket(std::move(fd), std::move(path));
  if (::chmod(name.c_str(), 0600) != 0) return SystemError(errno, "cannot protect " + name);
  if (::listen(socket.fd(), kBacklog) != 0) return SystemError(errno, "cannot listen on " + name);
  socket.handle_.Reset(::open(name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!socket.handle_) return SystemError(errno, "cannot open " + name);
  return socket;
}

ListenSocket::~ListenSocket() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace berth::launch
