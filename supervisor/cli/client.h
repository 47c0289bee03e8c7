// The other end of the admin socket: a blocking HTTP client over a Unix socket, one connection per call, every
// wait with a deadline. Knows nothing of what is asked.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "supervisor/base/duration.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/result.h"
#include "supervisor/base/result.h"

namespace berth::cli {

struct Reply {
  int status = 0;
  std::string body;
};

class Client {
 public:
  explicit Client(std::filesystem::path socket) : socket_(std::move(socket)) {}

  // Errors: kUnavailable (no daemon answers, with the remedy), kPermission, kTimeout, kIo (it ended the
  // connection in the middle, or answered nonsense).
  Result<Reply> Call(std::string_view method, std::string_view target, Duration limit) const;

  // Gives the payload of a 200 to `take`, piece by piece, until it ends or `take` returns false; `limit` is for
  // the head only. The body is filled when the status is another.
  Result<Reply> Stream(std::string_view target, Duration limit,
                       const std::function<bool(std::string_view piece)>& take) const;

  // Whether somebody accepts connections there.
  bool Answers() const;

  // A descriptor of the daemon's process (pidfd): readable once it has ended, its lock and all. kUnavailable when
  // nobody answers; kNotFound when the process cannot be seen from here, as in another container.
  Result<Fd> Process() const;

  const std::filesystem::path& socket() const { return socket_; }

 private:
  Result<Fd> Connect(Duration limit) const;
  std::filesystem::path socket_;
};

// A model's name as part of a target: '/' and unreserved characters stay.
std::string PercentEncode(std::string_view text);

// --socket, else $BERTH_SOCKET, else admin.sock in the default runtime folder.
std::filesystem::path SocketPath(const std::filesystem::path& given);

}  // namespace berth::cli
