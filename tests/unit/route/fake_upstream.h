// A worker as the proxy's tests need it: a thread that accepts on a Unix socket and runs a script on each
// connection, in blocking calls. What it sees of the claim table is what a real worker sees.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "supervisor/base/fd.h"
#include "supervisor/launch/endpoint.h"
#include "worker/protocol/claim_table.h"

namespace berth::route::testing {

// A blocking connection with bounded waits; of a client or of a fake worker.
class Wire {
 public:
  explicit Wire(Fd fd);
  bool Send(std::string_view bytes);
  // Reads until `enough` says so of all that has come, or the peer ends: false.
  bool ReadUntil(const std::function<bool(const std::string&)>& enough);
  // One message with Content-Length or chunks (raw), taken out of what was read; "" at the end.
  std::string ReadMessage();
  std::string ReadToEnd();
  // True when the peer closed or reset, not merely fell silent.
  bool WaitClosed();
  bool was_reset() const { return reset_; }
  void HalfClose();
  void Reset();
  void Close() { fd_.Reset(); }
  std::string seen;

 private:
  Fd fd_;
  bool reset_ = false;
};

std::string HeaderOf(const std::string& message, const std::string& name);
std::string BodyOf(const std::string& message);

class FakeUpstream {
 public:
  class Exchange;
  // Serves one request; false: hang up.
  using Script = std::function<bool(Exchange&)>;

  FakeUpstream(const std::string& folder, int replica, int window, Script script);
  ~FakeUpstream();
  std::shared_ptr<launch::Endpoint> endpoint;
  std::atomic<int> requests{0};

  class Exchange {
   public:
    std::string request;
    Wire& wire;
    FakeUpstream& worker;
    bool Begin();  // OFFERED → BEGUN
    bool Reply(int status, const std::string& body);
  };

 private:
  void Accept();
  void Serve(int fd);

  Script script_;
  Fd listener_;
  std::unique_ptr<protocol::ClaimView> claims_;
  std::mutex mutex_;
  std::vector<std::thread> threads_;
  std::vector<int> open_;
  std::atomic<bool> stop_{false};
  std::thread acceptor_;
};

}  // namespace berth::route::testing
