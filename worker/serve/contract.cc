#include "worker/serve/contract.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "worker/protocol/control.h"

namespace berth::serve {
namespace {

// -1 where the descriptor is no socket.
int SocketOption(int fd, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool IsRegularFile(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

Error NotStartedByDaemon(int fd, const char* expected) {
  return Invalid("descriptor ", fd, " is not ", expected,
                 ". Workers are started by berthd, which hands them their sockets: run `berthd PLAN.yaml`");
}

}  // namespace

Status CheckDescriptors() {
  using protocol::kClaimFd;
  using protocol::kControlFd;
  using protocol::kListenFd;
  if (SocketOption(kControlFd, SO_DOMAIN) != AF_UNIX || SocketOption(kControlFd, SO_TYPE) != SOCK_SEQPACKET) {
    return NotStartedByDaemon(kControlFd, "a control socket");
  }
  if (SocketOption(kListenFd, SO_DOMAIN) != AF_UNIX || SocketOption(kListenFd, SO_ACCEPTCONN) != 1) {
    return NotStartedByDaemon(kListenFd, "a listening Unix socket");
  }
  if (!IsRegularFile(kClaimFd)) return NotStartedByDaemon(kClaimFd, "a claim table");
  return Ok();
}

Status DieWithParent() {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    return SystemError(errno, "cannot ask to die with the supervisor");
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(protocol::kControlFd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return SystemError(errno, "cannot learn who made the control socket");
  }
  // Adopted by init, or by whatever reaps orphans here. A supervisor that is process 1 itself is no such
  // case.
  if (::getppid() != peer.pid && ::getppid() == 1) {
    return MakeError(ErrorKind::kUnavailable, "the supervisor (pid ", peer.pid, ") has ended");
  }
  return Ok();
}

}  // namespace berth::serve
