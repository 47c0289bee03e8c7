// Serialises the metrics on a thread of its own: ten thousand series take tens of milliseconds, which no
// request on an io thread may wait for. Scrapes that come while one is being made share the next one.
// Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "supervisor/observe/metrics.h"

namespace berth::route {

class Scraper {
 public:
  using Text = std::shared_ptr<const std::string>;

  explicit Scraper(observe::Metrics& metrics);  // outlives this
  ~Scraper();                                   // waiting callbacks are dropped

  // `done` is called on the scraper's thread and must only hand over. False: too many are waiting already.
  bool Ask(std::function<void(Text)> done);

 private:
  void Run();

  observe::Metrics& metrics_;
  std::mutex mutex_;  // guards the three below
  std::condition_variable changed_;
  std::vector<std::function<void(Text)>> waiting_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace berth::route
