// The proxy over real sockets, with fake workers behind it.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "fake_upstream.h"
#include "supervisor/route/proxy.h"

namespace berth::route {

using testing::BodyOf;
using testing::FakeUpstream;
using testing::HeaderOf;
using testing::Wire;
using namespace std::chrono_literals;

inline const std::string kBody = R"({"model":"m","input":"x"})";

// Opened once; those who wait for it pass from then on.
class Gate {
 public:
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool Wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 10s, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

inline bool Eventually(const std::function<bool()>& condition) {
  const TimePoint until = Clock::now() + 10s;
  while (!condition()) {
    if (Clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

inline std::string Post(const std::string& body = kBody, const std::string& fields = "",
                 const std::string& path = "/v1/embeddings") {
  return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n" + fields +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string Get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"; }

inline int StatusOf(const std::string& message) { return message.size() < 12 ? 0 : std::atoi(message.c_str() + 9); }

class ProxyTest : public ::testing::Test {
 protected:
  ProxyTest() {
    std::string pattern = ::testing::TempDir() + "berth-route-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    plan_.server.listen = {"127.0.0.1", 0};
    plan_.server.threads = 2;
    plan_.server.max_body = KiB(256);
    plan_.server.max_upload = KiB(512);
    plan_.server.header_timeout = 10s;
    plan_.server.body_timeout = 10s;
    plan_.server.idle_timeout = 30s;
    plan_.server.max_connections = 100;
    config::Model model;
    model.name = "m";
    model.aliases = {"alias"};
    model.queue = {2, 10s};
    model.required = true;
    plan_.models.push_back(model);
  }
  ~ProxyTest() override {
    proxy_.reset();
    workers_.clear();
    std::filesystem::remove_all(folder_);
  }

  void Start() {
    proxy_ = std::make_unique<Proxy>(plan_, metrics_, options_);
    ASSERT_TRUE(proxy_->Listen());
    proxy_->Run();
  }

  FakeUpstream& AddWorker(FakeUpstream::Script script, int window = 4) {
    workers_.push_back(std::make_unique<FakeUpstream>(folder_, static_cast<int>(workers_.size()), window, std::move(script)));
    proxy_->Up(workers_.back()->endpoint);
    return *workers_.back();
  }

  // Its process is gone, and nobody has noticed yet.
  void AddDeadWorker(int replica) {
    auto gone = std::make_shared<launch::Endpoint>();
    gone->model = "m";
    gone->replica = replica;
    gone->window = 4;
    gone->socket_path = folder_ + "/nobody.sock";
    gone->claims = *protocol::ClaimTable::Create(4);
    proxy_->Up(gone);
  }

  Wire Connect() {
    const std::string address = proxy_->addresses().front();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(std::atoi(address.substr(address.rfind(':') + 1).c_str())));
    ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    return Wire(std::move(fd));
  }

  std::string Ask(const std::string& request) {
    Wire wire = Connect();
    wire.Send(request);
    return wire.ReadMessage();
  }

  bool AllQuiet() {
    return Eventually([this] {
      bool quiet = proxy_->requests_open() == 0;
      for (auto& worker : workers_) quiet = quiet && worker->endpoint->in_flight == 0;
      return quiet;
    });
  }

  // Gates outlive the workers' threads, which may still be passing them when a test ends.
  Gate& NewGate() { return gates_.emplace_back(); }

  std::deque<Gate> gates_;
  config::Plan plan_;
  ProxyOptions options_;
  observe::Metrics metrics_;
  std::string folder_;
  std::vector<std::unique_ptr<FakeUpstream>> workers_;
  std::unique_ptr<Proxy> proxy_;
};

inline bool Answer(FakeUpstream::Exchange& exchange) { return exchange.Begin() && exchange.Reply(200, "{\"ok\":1}"); }

}  // namespace berth::route
