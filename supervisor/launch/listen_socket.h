// A listening Unix stream socket for a worker to inherit: `<runtime>/N.sock`, bound before the process starts,
// so that a connection never meets a worker that does not listen yet. The path is removed by its owner here
// when the process is gone, never by the worker. Connections are made to the socket itself, not to its path: who
// cleans up the folder cuts off nobody.
#pragma once

#include <filesystem>
#include <string>

#include "supervisor/base/fd.h"
#include "supervisor/base/result.h"

namespace berth::launch {

class ListenSocket {
 public:
  // Errors: the path is too long for a Unix socket (names the limit and the remedy), or the system refuses.
  static Result<ListenSocket> Bind(std::filesystem::path path);
  ListenSocket(ListenSocket&& other) noexcept = default;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket();  // removes the path

  int fd() const { return fd_.get(); }
  const std::filesystem::path& path() const { return path_; }
  // Names the socket itself, for ConnectPath(); once.
  Fd TakeHandle() { return std::move(handle_); }
  // Where to connect() to, as long as `handle` is open.
  static std::string ConnectPath(const Fd& handle) { return "/proc/self/fd/" + std::to_string(handle.get()); }
  // Once the worker has inherited it: only the worker's copy keeps the socket listening.
  void CloseDescriptor() { fd_.Reset(); }

 private:
  ListenSocket(Fd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Fd fd_;
  Fd handle_;  // O_PATH
  std::filesystem::path path_;  // empty once moved from
};

}  // namespace berth::launch
