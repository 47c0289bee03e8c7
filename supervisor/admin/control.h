// What the admin socket may ask of the rest of the daemon, and nothing more. The daemon implements it over the
// fleet and the proxy (daemon.cc); tests bring a fake. Control thread only.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/base/duration.h"
#include "supervisor/base/result.h"
#include "supervisor/gpu/inventory.h"
#include "supervisor/launch/fleet.h"

namespace berth::admin {

class Control {
 public:
  virtual ~Control() = default;

  virtual std::vector<launch::ModelStatus> Models() const = 0;
  virtual const placement::Ledger& ledger() const = 0;
  // The last reading of the GPUs; null: the plan has none.
  virtual std::shared_ptr<const gpu::Inventory> gpus() const { return nullptr; }
  // A sentence for each required model that has no ready replica; none: the daemon is ready.
  virtual std::vector<std::string> WhyNotReady() const = 0;
  virtual int RequestsOpen() const = 0;
  virtual bool Draining() const = 0;

  // Verbs return at once with the new intent.
  virtual Status Start(const std::string& model) = 0;
  virtual Status Stop(const std::string& model) = 0;
  virtual Status Restart(const std::string& model) = 0;
  // False when replicas of the model are still on their way at the deadline.
  virtual boost::asio::awaitable<bool> Settled(std::string model, TimePoint deadline) = 0;
  // The daemon drains and ends, as after SIGTERM.
  virtual void Shutdown() = 0;

  virtual std::vector<launch::LogLine> LogTail(const std::string& model, std::size_t lines) const = 0;
  virtual std::vector<launch::LogLine> LogSince(const std::string& model, std::uint64_t seq) const = 0;
  virtual std::vector<std::string> LogOfPreviousRun(const std::string& model, int replica) const = 0;
  virtual std::uint64_t SubscribeLogs(const std::string& model, std::function<void()> wake) = 0;
  virtual void UnsubscribeLogs(std::uint64_t id) = 0;
};

}  // namespace berth::admin
