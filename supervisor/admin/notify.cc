#include "supervisor/admin/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/result.h"

namespace berth::admin {

void NotifySystemd(std::string_view state) {
  const char* name = std::getenv("NOTIFY_SOCKET");
  if (name == nullptr || *name == '\0') return;
  const std::string_view path(name);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return LogWarning("NOTIFY_SOCKET is too long for a Unix socket");
  std::memcpy(address.sun_path, path.data(), path.size());
  // '@' stands for the zero byte of an abstract name.
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address), length) < 0) {
    LogWarning(SystemError(errno, "cannot tell systemd through NOTIFY_SOCKET").message);
  }
}

}  // namespace berth::admin
