#include "fake_upstream.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace berth::route::testing {
namespace {

constexpr int kPatienceMs = 10'000;

}  // namespace

Wire::Wire(Fd fd) : fd_(std::move(fd)) {}

bool Wire::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Wire::ReadUntil(const std::function<bool(const std::string&)>& enough) {
  while (!enough(seen)) {
    pollfd ready{fd_.get(), POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) <= 0) return false;
    char bytes[65536];
    const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    reset_ = got < 0;
    if (got <= 0) return false;
    seen.append(bytes, static_cast<std::size_t>(got));
  }
  return true;
}

std::string Wire::ReadMessage() {
  if (!ReadUntil([](const std::string& s) { return s.find("\r\n\r\n") != std::string::npos; })) return "";
  const std::size_t head = seen.find("\r\n\r\n") + 4;
  std::size_t size = head;
  if (HeaderOf(seen, "Transfer-Encoding") == "chunked") {
    if (!ReadUntil([&](const std::string& s) { return s.find("0\r\n\r\n", head) != std::string::npos; })) return "";
    size = seen.find("0\r\n\r\n", head) + 5;
  } else {
    size += std::strtoul(HeaderOf(seen, "Content-Length").c_str(), nullptr, 10);
    if (!ReadUntil([&](const std::string& s) { return s.size() >= size; })) return "";
  }
  std::string message = seen.substr(0, size);
  seen.erase(0, size);
  return message;
}

std::string Wire::ReadToEnd() {
  ReadUntil([](const std::string&) { return false; });
  return std::exchange(seen, "");
}

bool Wire::WaitClosed() {
  for (;;) {
    pollfd ready{fd_.get(), POLLIN, 0};
    if (::poll(&ready, 1, kPatienceMs) <= 0) return false;
    char bytes[4096];
    if (::recv(fd_.get(), bytes, sizeof bytes, 0) <= 0) return true;
  }
}

void Wire::HalfClose() { ::shutdown(fd_.get(), SHUT_WR); }

void Wire::Reset() {
  const linger now{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd_.Reset();
}

std::string HeaderOf(const std::string& message, const std::string& name) {
  const std::string head = message.substr(0, message.find("\r\n\r\n"));
  std::size_t at = 0;
  while ((at = head.find("\r\n", at)) != std::string::npos) {
    at += 2;
    const std::size_t colon = head.find(':', at);
    if (colon == std::string::npos) break;
    if (colon - at == name.size() && ::strncasecmp(&head[at], name.c_str(), name.size()) == 0) {
      return head.substr(colon + 2, head.find("\r\n", colon) - colon - 2);
    }
  }
  return "";
}

std::string BodyOf(const std::string& message) {
  const std::size_t at = message.find("\r\n\r\n");
  return at == std::string::npos ? "" : message.substr(at + 4);
}

bool FakeUpstream::Exchange::Begin() {
  const auto claim = protocol::ParseClaim(HeaderOf(request, "X-Berth-Claim"));
  return claim && worker.claims_->TryBegin(*claim);
}

bool FakeUpstream::Exchange::Reply(int status, const std::string& body) {
  return wire.Send("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n\r\n" + body);
}

FakeUpstream::FakeUpstream(const std::string& folder, int replica, int window, Script script) : script_(std::move(script)) {
  endpoint = std::make_shared<launch::Endpoint>();
  endpoint->model = "m";
  endpoint->replica = replica;
  endpoint->window = window;
  endpoint->socket_path = folder + "/" + std::to_string(replica) + ".sock";
  endpoint->capabilities.routes = {"/v1/embeddings", "/v1/chat/completions", "/v1/audio/transcriptions"};
  endpoint->claims = *protocol::ClaimTable::Create(static_cast<std::uint32_t>(window));
  claims_ = *protocol::ClaimView::Map(Fd(::dup(endpoint->claims->fd())));
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, endpoint->socket_path.c_str(), sizeof address.sun_path - 1);
  ::unlink(address.sun_path);
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
  if (::listen(listener_.get(), 64) != 0) std::abort();
  acceptor_ = std::thread([this] { Accept(); });
}

FakeUpstream::~FakeUpstream() {
  stop_ = true;
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    std::lock_guard lock(mutex_);
    for (int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
}

void FakeUpstream::Accept() {
  while (!stop_) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { Serve(fd); });
  }
}

void FakeUpstream::Serve(int fd) {
  {
    Wire wire{Fd(::dup(fd))};
    for (;;) {
      Exchange exchange{wire.ReadMessage(), wire, *this};
      if (exchange.request.empty()) break;
      ++requests;
      if (!script_(exchange)) break;
    }
  }
  std::lock_guard lock(mutex_);
  open_.erase(std::find(open_.begin(), open_.end(), fd));
  ::close(fd);
}

}  // namespace berth::route::testing
