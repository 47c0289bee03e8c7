// Who is at the other end of an admin connection, by the kernel's word, and whether they may be there.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "supervisor/base/result.h"

namespace berth::admin {

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  std::vector<gid_t> groups;  // the primary one first
};

// Of a connected Unix socket, as it was when the peer connected.
Result<Peer> PeerOf(int fd);

// Root and the daemon's own user always may; others when they are in the socket's group (its mode, 0660, has
// already kept out everybody else).
bool MayConnect(const Peer& peer, uid_t own_uid, gid_t socket_group);

// "uid 1000, pid 4711", for events.
std::string Describe(const Peer& peer);

}  // namespace berth::admin
