#include "supervisor/admin/peer.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace berth::admin {
namespace {

constexpr std::size_t kMostGroups = 1024;

// A peer whose groups the kernel does not tell has only its primary one.
std::vector<gid_t> GroupsOf(int fd) {
  std::vector<gid_t> groups(kMostGroups);
  socklen_t bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) != 0) return {};
  groups.resize(bytes / sizeof(gid_t));
  return groups;
}

}  // namespace

Result<Peer> PeerOf(int fd) {
  ucred credentials{};
  socklen_t bytes = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) {
    return SystemError(errno, "cannot ask who is at the other end of an admin connection");
  }
  Peer peer{credentials.pid, credentials.uid, {credentials.gid}};
  const std::vector<gid_t> more = GroupsOf(fd);
  peer.groups.insert(peer.groups.end(), more.begin(), more.end());
  return peer;
}

bool MayConnect(const Peer& peer, uid_t own_uid, gid_t socket_group) {
  if (peer.uid == 0 || peer.uid == own_uid) return true;
  return std::ranges::find(peer.groups, socket_group) != peer.groups.end();
}

std::string Describe(const Peer& peer) {
  return "uid " + std::to_string(peer.uid) + ", pid " + std::to_string(peer.pid);
}

}  // namespace berth::admin
