// The worker's end of the control socket (descriptor 3): what it tells the supervisor and what it is told.
// Sending is safe on any thread and never blocks for long; receiving has a thread of its own, beats have
// another that does no work, so that a busy model cannot look like a dead one.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "supervisor/base/duration.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/result.h"
#include "worker/metering/metrics.h"
#include "worker/protocol/control.h"

namespace berth::serve {

class ControlLink {
 public:
  explicit ControlLink(Fd fd) : fd_(std::move(fd)) {}
  ~ControlLink();  // for tests; the program leaves by _exit
  ControlLink(const ControlLink&) = delete;
  ControlLink& operator=(const ControlLink&) = delete;

  // Retries for up to five seconds while the socket is full. Errors: the supervisor is gone, or reads no
  // more.
  Status Send(const protocol::FromWorker& message);

  // The first packet. Errors: none within `timeout`, the end of file, another message.
  Result<protocol::StartMessage> ReceiveStart(Duration timeout);

  // Reads on: `drain` for each drain message, `gone` when the supervisor has closed its end. On a thread of
  // its own.
  void Listen(std::function<void(protocol::DrainMessage)> drain, std::function<void()> gone);

  // A beat every `interval`. What a full socket keeps from being sent goes with a later beat.
  struct Pulse {
    std::function<std::uint64_t()> steps;
    std::function<std::uint64_t()> begun;
    std::function<protocol::MemoryReport()> memory;
    std::function<void()> each = {};  // called before every beat
    std::function<std::map<std::string, double>()> gauges = {};  // what is now, by the names of BeatMessage
  };
  void Beat(Duration interval, Pulse pulse, engine::Metrics& metrics);

 private:
  void BeatLoop(Duration interval, const Pulse& pulse, engine::Metrics& metrics);
  void SendBeat(const Pulse& pulse, engine::Metrics& metrics);

  Fd fd_;
  std::thread listener_;
  std::thread beats_;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;  // guarded by mutex_
};

}  // namespace berth::serve
