// bench-load ADDRESS MODEL BYTES CONNECTIONS SECONDS: closed-loop load on one path, from one thread. Each
// connection posts an embedding request of BYTES bytes of JSON to /v1/embeddings, reads the answer, posts again.
// ADDRESS is host:port or the path of a Unix socket. Prints one JSON object: requests, failed, seconds,
// median_us, p99_us, mean_us. Any answer but a 200 of BYTES bytes counts as failed.
// With @FILE for BYTES, the lines of FILE are the bodies, in turn (MODEL is not used), and any 200 will do.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "supervisor/base/fd.h"

namespace berth::bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Options {
  std::string address;
  std::string model;
  std::size_t bytes = 0;
  std::string bodies;  // a file; instead of `bytes`
  int connections = 0;
  double seconds = 0;
};

struct Conversation {
  Fd fd;
  const std::string* request = nullptr;
  std::size_t sent = 0;
  std::string in;
  SteadyClock::time_point began;
};

Fd ConnectUnix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Fd();
  return fd;
}

Fd ConnectTcp(const std::string& host_port) {
  const auto colon = host_port.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(host_port.c_str() + colon + 1)));
  if (::inet_pton(AF_INET, host_port.substr(0, colon).c_str(), &address.sin_addr) != 1) return Fd();
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Fd();
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// A text like a tokenizer gets: words, with an escape now and then.
std::string MakeBody(const Options& options) {
  std::string body = R"({"model": ")" + options.model + R"(", "input": ")";
  constexpr std::string_view kWords = "The quick brown fox jumps over the lazy dog, says \\\"who\\\" else. ";
  while (body.size() + kWords.size() + 2 <= options.bytes) body += kWords;
  body.resize(std::max(body.size(), options.bytes - 2), 'x');
  return body + "\"}";
}

class Load {
 public:
  explicit Load(const Options& options) : options_(options), poll_(::epoll_create1(0)) {
    if (options_.bodies.empty()) {
      bytes_ = AddRequest(MakeBody(options));
      return;
    }
    std::ifstream lines(options_.bodies);
    for (std::string line; std::getline(lines, line);) AddRequest(line);
  }

  bool Open() {
    if (requests_.empty()) {
      errno = ENOENT;
      return false;
    }
    for (int i = 0; i < options_.connections; ++i) {
      Conversation one;
      one.fd = options_.address[0] == '/' ? ConnectUnix(options_.address) : ConnectTcp(options_.address);
      if (!one.fd) return false;
      ::fcntl(one.fd.get(), F_SETFL, O_NONBLOCK);
      conversations_.push_back(std::move(one));
    }
    for (std::size_t i = 0; i < conversations_.size(); ++i) {
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLET;
      event.data.u64 = i;
      ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, conversations_[i].fd.get(), &event);
    }
    return true;
  }

  void Run() {
    const auto begin = SteadyClock::now();
    const auto end = begin + std::chrono::duration_cast<SteadyClock::duration>(std::chrono::duration<double>(options_.seconds));
    for (Conversation& one : conversations_) Begin(one);
    while (SteadyClock::now() < end && broken_ < conversations_.size()) {
      epoll_event events[256];
      const int count = ::epoll_wait(poll_.get(), events, 256, 100);
      for (int i = 0; i < count; ++i) {
        Conversation& one = conversations_[events[i].data.u64];
        if (one.fd && !(Send(one) && Receive(one))) Break(one);
      }
    }
    // Until the last answer: where answers take long, what is half done then would count as idleness.
    Report(std::chrono::duration<double>(last_ - begin).count());
  }

 private:
  std::size_t AddRequest(const std::string& body) {
    requests_.push_back("POST /v1/embeddings HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench-load\r\nAccept: */*\r\n"
                        "Content-Type: application/json\r\nContent-Length: " +
                        std::to_string(body.size()) + "\r\n\r\n" + body);
    return body.size();
  }

  void Begin(Conversation& one) {
    one.request = &requests_[next_++ % requests_.size()];
    one.sent = 0;
    one.began = SteadyClock::now();
    if (!Send(one)) Break(one);
  }

  void Break(Conversation& one) {
    ++failed_;
    ++broken_;
    one.fd.Reset();
  }

  bool Send(Conversation& one) {
    const std::string& request = *one.request;
    while (one.sent < request.size()) {
      const ssize_t n = ::send(one.fd.get(), request.data() + one.sent, request.size() - one.sent, MSG_NOSIGNAL);
      if (n < 0) return errno == EAGAIN;
      one.sent += static_cast<std::size_t>(n);
    }
    return true;
  }

  bool Receive(Conversation& one) {
    static char bytes[128 * 1024];
    for (;;) {
      const ssize_t n = ::recv(one.fd.get(), bytes, sizeof bytes, 0);
      if (n < 0) return errno == EAGAIN;
      if (n == 0) return false;
      one.in.append(bytes, static_cast<std::size_t>(n));
      if (!Finish(one)) return false;
    }
  }

  // One answer at a time: requests are not pipelined.
  bool Finish(Conversation& one) {
    const auto end = one.in.find("\r\n\r\n");
    if (end == std::string::npos) return true;
    std::string head = one.in.substr(0, end + 2);
    std::transform(head.begin(), head.end(), head.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::string_view kName = "\r\ncontent-length: ";
    const auto at = head.find(kName);
    if (at == std::string::npos) return false;
    std::size_t length = 0;
    std::from_chars(head.data() + at + kName.size(), head.data() + head.size(), length);
    if (one.in.size() < end + 4 + length) return true;
    failed_ += !one.in.starts_with("HTTP/1.1 200") || (bytes_ > 0 && length != bytes_);
    last_ = SteadyClock::now();
    latencies_.push_back(std::chrono::duration<float, std::micro>(last_ - one.began).count());
    one.in.clear();
    Begin(one);
    return static_cast<bool>(one.fd);
  }

  void Report(double seconds) {
    std::sort(latencies_.begin(), latencies_.end());
    const auto quantile = [this](double q) {
      return latencies_.empty() ? 0.0 : latencies_[static_cast<std::size_t>(q * static_cast<double>(latencies_.size() - 1))];
    };
    const double sum = std::accumulate(latencies_.begin(), latencies_.end(), 0.0);
    const double mean = latencies_.empty() ? 0.0 : sum / static_cast<double>(latencies_.size());
    std::printf("{\"requests\": %zu, \"failed\": %zu, \"seconds\": %.3f, \"median_us\": %.1f, \"p99_us\": %.1f, "
                "\"mean_us\": %.1f}\n",
                latencies_.size(), failed_, seconds, quantile(0.5), quantile(0.99), mean);
  }

  const Options options_;
  Fd poll_;
  std::vector<std::string> requests_;
  std::size_t next_ = 0;   // counts them
  SteadyClock::time_point last_{};
  std::size_t bytes_ = 0;  // of every answer; 0: any
  std::vector<Conversation> conversations_;
  std::vector<float> latencies_;
  std::size_t failed_ = 0;
  std::size_t broken_ = 0;
};

}  // namespace
}  // namespace berth::bench

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: bench-load ADDRESS MODEL BYTES|@FILE CONNECTIONS SECONDS\n");
    return 64;
  }
  const std::string what = argv[3];
  const bool file = what.starts_with('@');
  berth::bench::Load load({argv[1], argv[2], static_cast<std::size_t>(std::atoi(what.c_str())),
                           file ? what.substr(1) : "", std::atoi(argv[4]), std::atof(argv[5])});
  if (!load.Open()) {
    std::fprintf(stderr, "bench-load: cannot connect to %s: %s\n", argv[1], std::generic_category().message(errno).c_str());
    return 1;
  }
  load.Run();
}
