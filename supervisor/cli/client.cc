#include "supervisor/cli/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

extern "C" {  // glibc 2.36 forgets that in the header
#include <sys/pidfd.h>
}

#include "config/parse.h"
#include "worker/protocol/http_body.h"
#include "worker/protocol/http_head.h"

namespace berth::cli {
namespace {

// Far above any honest answer; a daemon that is none must not fill the memory.
constexpr std::size_t kMostBody = std::size_t{64} << 20;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr const char* kServiceDir = "/run/berth";
constexpr TimePoint kNever = TimePoint::max();

Error NoDaemon(const std::string& socket) {
  return MakeError(ErrorKind::kUnavailable, "no daemon answers on ", socket,
                   "; is berthd running? start it with: berthd PLAN.yaml (or name its socket with --socket)");
}

Error ConnectError(int reason, const std::string& socket) {
  switch (reason) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED: return NoDaemon(socket);
    case EACCES:
    case EPERM:
      return MakeError(ErrorKind::kPermission, "no permission to use ", socket,
                       "; become its owner, or join its group");
    case EAGAIN: return MakeError(ErrorKind::kTimeout, "the daemon on ", socket, " takes no more connections");
    default: return SystemError(reason, "cannot connect to " + socket);
  }
}

// poll()'s milliseconds until `deadline`, rounded up.
int MillisUntil(TimePoint deadline) {
  if (deadline == kNever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000'000));
}

timeval TimevalOf(Duration duration) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(duration);
  return {static_cast<time_t>(seconds.count()), static_cast<suseconds_t>((duration - seconds).count())};
}

// Reads one answer.
class Answer {
 public:
  Answer(const Fd& fd, std::string method) : fd_(fd), method_(std::move(method)) {}

  Result<http::ResponseHead> ReadHead(TimePoint deadline) {
    while (true) {
      auto parsed = http::ParseResponseHead(bytes_, method_, http::HeadLimits());
      if (auto* head = std::get_if<http::ResponseHead>(&parsed)) {
        bytes_.erase(0, head->bytes);
        reader_.emplace(*head);
        return std::move(*head);
      }
      if (const auto* bad = std::get_if<http::HeadError>(&parsed)) return NotHttp(bad->message);
      const auto more = Read(deadline);
      if (!more) return more.error();
      if (!*more) return Cut();
    }
  }

  // The next piece of the payload; nothing at its end.
  Result<std::optional<std::string>> ReadPiece(TimePoint deadline) {
    while (!reader_->done()) {
      std::string piece;
      const http::BodyReader::Step step = reader_->Feed(bytes_, &piece);
      if (step.bad) return NotHttp("the body is badly framed");
      bytes_.erase(0, step.consumed);
      if (!piece.empty()) return std::optional(std::move(piece));
      if (step.done) break;
      const auto more = Read(deadline);
      if (!more) return more.error();
      if (*more) continue;
      if (reader_->EndsAtClose()) break;
      return Cut();
    }
    return std::optional<std::string>();
  }

 private:
  static Error NotHttp(const std::string& why) {
    return MakeError(ErrorKind::kIo, "what answers is no berthd: ", why);
  }
  static Error Cut() {
    return MakeError(ErrorKind::kIo, "the daemon ended the connection before its answer was complete");
  }

  // False: end of file.
  Result<bool> Read(TimePoint deadline) {
    pollfd ready{fd_.get(), POLLIN, 0};
    const int count = ::poll(&ready, 1, MillisUntil(deadline));
    if (count == 0) return MakeError(ErrorKind::kTimeout, "the daemon did not answer in time");
    if (count < 0 && errno != EINTR) return SystemError(errno, "cannot wait for the daemon's answer");
    if (count < 0) return true;
    const std::size_t had = bytes_.size();
    bytes_.resize(had + kReadBytes);
    const auto got = ::recv(fd_.get(), bytes_.data() + had, kReadBytes, 0);
    bytes_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got >= 0) return got > 0;
    if (errno == ECONNRESET) return false;
    return SystemError(errno, "cannot read the daemon's answer");
  }

  const Fd& fd_;
  const std::string method_;
  std::string bytes_;  // read, not consumed
  std::optional<http::BodyReader> reader_;
};

Status Send(const Fd& fd, std::string_view method, std::string_view target) {
  std::string request(method);
  request.append(" ").append(target).append(" HTTP/1.1\r\nHost: berthd\r\nConnection: close\r\n");
  if (method != "GET") request += "Content-Length: 0\r\n";
  request += "\r\n";
  // A new socket's buffer holds it whole. A daemon that refuses may close before it has read: its answer is
  // there nevertheless.
  const auto sent = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EPIPE) return SystemError(errno, "cannot send to the daemon");
  return Ok();
}

Result<std::string> ReadAll(Answer& answer, TimePoint deadline) {
  std::string body;
  while (true) {
    auto piece = answer.ReadPiece(deadline);
    if (!piece) return piece.error();
    if (!*piece) return body;
    body += **piece;
    if (body.size() > kMostBody) return MakeError(ErrorKind::kIo, "the daemon's answer has over 64 MiB");
  }
}

}  // namespace

Result<Fd> Client::Connect(Duration limit) const {
  const std::string path = socket_.string();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Invalid("socket path ", path, " has ", path.size(), " bytes, a Unix socket may have ",
                   sizeof address.sun_path - 1);
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return SystemError(errno, "cannot make a socket");
  const timeval wait = TimevalOf(limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);  // connect() obeys it too
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return ConnectError(errno, path);
  }
  return fd;
}

Result<Reply> Client::Call(std::string_view method, std::string_view target, Duration limit) const {
  const TimePoint deadline = Clock::now() + limit;
  const Result<Fd> fd = Connect(limit);
  if (!fd) return fd.error();
  if (const Status sent = Send(*fd, method, target); !sent) return sent.error();
  Answer answer(*fd, std::string(method));
  const auto head = answer.ReadHead(deadline);
  if (!head) return head.error();
  auto body = ReadAll(answer, deadline);
  if (!body) return body.error();
  return Reply{head->status, *std::move(body)};
}

Result<Reply> Client::Stream(std::string_view target, Duration limit,
                             const std::function<bool(std::string_view)>& take) const {
  const TimePoint deadline = Clock::now() + limit;
  const Result<Fd> fd = Connect(limit);
  if (!fd) return fd.error();
  if (const Status sent = Send(*fd, "GET", target); !sent) return sent.error();
  Answer answer(*fd, "GET");
  const auto head = answer.ReadHead(deadline);
  if (!head) return head.error();
  if (head->status != 200) {
    auto body = ReadAll(answer, deadline);
    if (!body) return body.error();
    return Reply{head->status, *std::move(body)};
  }
  while (true) {
    const auto piece = answer.ReadPiece(kNever);
    if (!piece) return piece.error();
    if (!*piece || !take(**piece)) return Reply{200, ""};
  }
}

Result<Fd> Client::Process() const {
  const Result<Fd> fd = Connect(std::chrono::seconds(1));
  if (!fd) return fd.error();
  ucred daemon{};  // who listens
  socklen_t bytes = sizeof daemon;
  if (::getsockopt(fd->get(), SOL_SOCKET, SO_PEERCRED, &daemon, &bytes) != 0 || daemon.pid <= 0) {
    return MakeError(ErrorKind::kNotFound, "the daemon's process is not to be seen from here");
  }
  Fd process(::pidfd_open(daemon.pid, 0));
  if (!process) return MakeError(ErrorKind::kNotFound, "the daemon's process ", daemon.pid, " is not to be seen from here");
  return process;
}

bool Client::Answers() const { return Connect(std::chrono::seconds(1)).has_value(); }

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      encoded += c;
    } else {
      encoded.append({'%', kHex[byte >> 4], kHex[byte & 15]});
    }
  }
  return encoded;
}

std::filesystem::path SocketPath(const std::filesystem::path& given) {
  if (!given.empty()) return given;
  const char* variable = std::getenv("BERTH_SOCKET");
  if (variable != nullptr && *variable != '\0') return variable;
  const std::filesystem::path own = config::ThisHost().runtime_dir / "admin.sock";
  // Whoever has no daemon of his own means the service's, whose folder he may not even be allowed to look into.
  const bool has_own = ::access(own.c_str(), F_OK) == 0;
  return !has_own && ::access(kServiceDir, F_OK) == 0 ? std::filesystem::path(kServiceDir) / "admin.sock" : own;
}

}  // namespace berth::cli
