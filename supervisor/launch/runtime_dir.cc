#include "supervisor/launch/runtime_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace berth::launch {
namespace {

Result<Fd> OpenFolder(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError(errno, "cannot create the runtime folder " + path + " (server.admin names it)");
  }
  Fd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (folder) return folder;
  if (errno == ELOOP || errno == ENOTDIR) {
    return MakeError(ErrorKind::kPermission, "the runtime folder ", path,
                     " is a symbolic link or no folder; name a real folder in server.admin");
  }
  return SystemError(errno, "cannot open the runtime folder " + path);
}

Status CheckOwner(const Fd& folder, const std::string& path) {
  struct stat info {};
  if (::fstat(folder.get(), &info) != 0) return SystemError(errno, "cannot look at the runtime folder " + path);
  if (info.st_uid != ::geteuid()) {
    return MakeError(ErrorKind::kPermission, "the runtime folder ", path, " belongs to user ", info.st_uid,
                     ", not to user ", ::geteuid(), "; name another in server.admin, or remove it");
  }
  if ((info.st_mode & 077) != 0) {
    return MakeError(ErrorKind::kPermission, "the runtime folder ", path,
                     " is open to other users; run: chmod 700 ", path);
  }
  return Ok();
}

std::string HolderOf(const Fd& lock) {
  char text[32] = {};
  const ssize_t n = ::pread(lock.get(), text, sizeof text - 1, 0);
  const std::string pid(text, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  const auto end = pid.find('\n');
  return end == std::string::npos ? "unknown" : pid.substr(0, end);
}

Result<Fd> Lock(const Fd& folder, const std::string& path) {
  Fd lock(::openat(folder.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock) return SystemError(errno, "cannot open " + path + "/lock");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError(errno, "cannot lock " + path + "/lock");
    return MakeError(ErrorKind::kConflict, "another daemon runs on ", path, " (pid ", HolderOf(lock),
                     "); stop it, or name another folder in server.admin");
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) {
    return SystemError(errno, "cannot write " + path + "/lock");
  }
  return lock;
}

// N.sock, as the fleet names them.
bool IsWorkerSocket(const std::string& name) {
  const auto dot = name.find('.');
  return dot != 0 && dot != std::string::npos && name.substr(dot) == ".sock" &&
         std::all_of(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(dot),
                     [](char c) { return c >= '0' && c <= '9'; });
}

void RemoveStaleSockets(const Fd& folder, const std::string& admin_socket) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(::dup(folder.get())), ::closedir);
  if (!entries) return;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (name != admin_socket && !IsWorkerSocket(name)) continue;
    struct stat info {};
    const bool known = ::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (known && S_ISSOCK(info.st_mode)) ::unlinkat(folder.get(), name.c_str(), 0);
  }
}

}  // namespace

Result<RuntimeDir> RuntimeDir::Open(const std::filesystem::path& path, const std::string& admin_socket) {
  const std::string name = path.string();
  auto folder = OpenFolder(name);
  if (!folder) return folder.error();
  if (auto status = CheckOwner(*folder, name); !status) return status.error();
  auto lock = Lock(*folder, name);
  if (!lock) return lock.error();
  RemoveStaleSockets(*folder, admin_socket);
  return RuntimeDir(path, std::move(*lock));
}

}  // namespace berth::launch
