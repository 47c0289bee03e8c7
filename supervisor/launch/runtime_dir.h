// The runtime folder of one daemon: sockets of workers, the admin socket and the lock that makes the daemon the
// only one there. Stale sockets of a daemon that was killed are removed, but only while holding the lock.
// Owned by main(), for the daemon's whole life.
#pragma once

#include <filesystem>
#include <string>

#include "supervisor/base/fd.h"
#include "supervisor/base/result.h"

namespace berth::launch {

class RuntimeDir {
 public:
  // Makes the folder (not its parents) with mode 0700, or checks that it is a folder, no symbolic link, ours,
  // and closed to others; takes the lock; removes stale sockets (N.sock and `admin_socket`).
  // kConflict: another daemon has it (names its pid); kPermission: owner or mode; kNotFound: no parent folder.
  static Result<RuntimeDir> Open(const std::filesystem::path& path, const std::string& admin_socket);

  const std::filesystem::path& path() const { return path_; }

 private:
  RuntimeDir(std::filesystem::path path, Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::filesystem::path path_;
  Fd lock_;  // the lock ends with the descriptor; the file stays, for the next daemon to lock
};

}  // namespace berth::launch
