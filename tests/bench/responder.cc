// bench-responder NAME/REPLICA: the upstream of the proxy benchmark, a worker without a model. Speaks the worker
// contract (descriptors 3, 4, 5) and answers every POST with as many bytes as its body had. It does as little as
// a worker can, so that what is measured is the proxy in front of it. A request without a claim is served too:
// other proxies send none. One thread, one epoll; what it is sent is trusted.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "supervisor/base/exit_code.h"
#include "supervisor/base/fd.h"
#include "worker/protocol/claim_table.h"
#include "worker/protocol/control.h"
#include "worker/protocol/control_channel.h"

namespace berth::bench {
namespace {

constexpr int kWindow = 256;
constexpr auto kBeatEvery = std::chrono::milliseconds(500);
constexpr int kBacklogPerTurn = 64;

struct Conversation {
  Fd fd;
  std::string in;
  std::string out;  // what the kernel did not take yet
};

[[noreturn]] void Give(WorkerExit code) { ::_exit(Code(code)); }

void Say(const protocol::FromWorker& message) {
  const auto sent = protocol::SendPacket(protocol::kControlFd, protocol::Encode(message));
  if (!sent) Give(WorkerExit::kTryAgain);
}

// The value of a header field whose name is written as proxies write it: "Name: ", in lower or in mixed case.
std::string_view FieldOf(std::string_view head, std::string_view name, std::string_view lower_name) {
  auto at = head.find(name);
  std::size_t length = name.size();
  if (at == std::string_view::npos) {
    at = head.find(lower_name);
    length = lower_name.size();
  }
  if (at == std::string_view::npos) return {};
  const std::string_view rest = head.substr(at + length);
  return rest.substr(0, rest.find("\r\n"));
}

class Responder {
 public:
  explicit Responder(std::unique_ptr<protocol::ClaimView> claims) : claims_(std::move(claims)), poll_(::epoll_create1(0)) {
    ::fcntl(protocol::kListenFd, F_SETFL, O_NONBLOCK);
    Add(protocol::kListenFd);
    Add(protocol::kControlFd);
  }

  [[noreturn]] void Run() {
    auto next_beat = std::chrono::steady_clock::now();
    for (;;) {
      epoll_event events[64];
      const int count = ::epoll_wait(poll_.get(), events, 64, static_cast<int>(kBeatEvery.count()));
      for (int i = 0; i < count; ++i) Handle(events[i].data.fd, events[i].events);
      const auto now = std::chrono::steady_clock::now();
      if (now < next_beat) continue;
      next_beat = now + kBeatEvery;
      protocol::BeatMessage beat;
      beat.steps = beat.begun = begun_;
      Say(beat);
    }
  }

 private:
  void Add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  void Handle(int fd, std::uint32_t events) {
    if (fd == protocol::kListenFd) return Accept();
    if (fd == protocol::kControlFd) return Obey();
    Conversation& one = conversations_[fd];
    if ((events & EPOLLOUT) && !Flush(one)) return Drop(fd);
    if ((events & ~EPOLLOUT) && !Read(one)) Drop(fd);
  }

  void Drop(int fd) { conversations_.erase(fd); }

  void Accept() {
    for (int i = 0; i < kBacklogPerTurn; ++i) {
      Fd fd(::accept4(protocol::kListenFd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) return;
      const int number = fd.get();
      conversations_[number].fd = std::move(fd);
      Add(number);
    }
  }

  void Obey() {
    const auto packet = protocol::ReceivePacket(protocol::kControlFd);
    if (!packet || !*packet) Give(WorkerExit::kDone);
    const auto message = protocol::DecodeToWorker(**packet);
    if (!message || !std::holds_alternative<protocol::DrainMessage>(*message)) return;
    Say(protocol::DrainedMessage{});
    Give(WorkerExit::kDone);
  }

  bool Read(Conversation& one) {
    char bytes[64 * 1024];
    const ssize_t got = ::recv(one.fd.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got <= 0) return false;
    one.in.append(bytes, static_cast<std::size_t>(got));
    while (Answer(one)) {
    }
    return Flush(one);
  }

  // False: the next request is not there as a whole.
  bool Answer(Conversation& one) {
    const auto end = one.in.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string_view head = std::string_view(one.in).substr(0, end + 2);
    const std::string_view length = FieldOf(head, "Content-Length: ", "content-length: ");
    std::size_t body = 0;
    std::from_chars(length.data(), length.data() + length.size(), body);
    if (one.in.size() < end + 4 + body) return false;
    const std::string_view claim = FieldOf(head, "X-Berth-Claim: ", "x-berth-claim: ");
    const bool mine = Begin(claim);
    one.out += mine ? "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
                    : "HTTP/1.1 409 Conflict\r\nContent-Length: ";
    one.out += std::to_string(mine ? body : 0) + "\r\n\r\n";
    if (mine) one.out.append(one.in, end + 4, body);
    one.in.erase(0, end + 4 + body);
    return true;
  }

  bool Begin(std::string_view text) {
    if (!text.empty() && claims_) {
      const auto claim = protocol::ParseClaim(text);
      if (!claim || !claims_->TryBegin(*claim)) return false;
    }
    ++begun_;
    return true;
  }

  bool Flush(Conversation& one) {
    const bool waited = one.out.empty();
    while (!one.out.empty()) {
      const ssize_t sent = ::send(one.fd.get(), one.out.data(), one.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
      if (sent < 0 && errno == EAGAIN) break;
      if (sent > 0) one.out.erase(0, static_cast<std::size_t>(sent));
    }
    if (waited) return true;
    epoll_event event{};
    event.events = one.out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
    event.data.fd = one.fd.get();
    if (!one.out.empty() || partial_[one.fd.get()]) ::epoll_ctl(poll_.get(), EPOLL_CTL_MOD, one.fd.get(), &event);
    partial_[one.fd.get()] = !one.out.empty();
    return true;
  }

  std::unique_ptr<protocol::ClaimView> claims_;
  Fd poll_;
  std::map<int, Conversation> conversations_;
  std::map<int, bool> partial_;  // by descriptor: it waits for room to send
  std::uint64_t begun_ = 0;
};

int Main() {
  const auto packet = protocol::ReceivePacket(protocol::kControlFd);
  if (!packet || !*packet) return Code(WorkerExit::kDone);
  const auto start = protocol::DecodeToWorker(**packet);
  if (!start || !std::holds_alternative<protocol::StartMessage>(*start)) return Code(WorkerExit::kBadOptions);
  Say(protocol::HelloMessage{1, "bench-responder"});
  std::unique_ptr<protocol::ClaimView> claims;
  if (auto view = protocol::ClaimView::Map(Fd(protocol::kClaimFd))) claims = *std::move(view);
  Responder responder(std::move(claims));
  protocol::ReadyMessage ready;
  ready.capabilities = {std::get<protocol::StartMessage>(*start).kind, 512, 4, {"/v1/embeddings"}};
  ready.window = kWindow;
  Say(ready);
  responder.Run();
}

}  // namespace
}  // namespace berth::bench

int main(int argc, char**) {
  if (argc == 2) return berth::bench::Main();
  std::fprintf(stderr, "usage: bench-responder NAME/REPLICA, started by the supervisor\n");
  return berth::Code(berth::WorkerExit::kBadOptions);
}
