// What workers print: every line goes to <log dir>/<model>.<replica>.log ('+' for a '/' in the model's name),
// prefixed with time, model and replica, rotated by size, and into a bounded tail in memory. A worker that floods its log is read at a
// bounded rate and its surplus lines are counted and dropped (log_dropped_lines_total): it neither blocks
// for ever nor fills the disk. The last lines of a run that ended are kept as the "previous run".
// Control thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/plan.h"
#include "supervisor/base/fd.h"
#include "supervisor/observe/metrics.h"

namespace berth::launch {

struct LogLine {
  std::uint64_t seq = 0;   // within the model, from 1
  int replica = 0;
  std::string time;
  std::string text;        // without newline; cut at 8 KiB
};

class Logs {
 public:
  Logs(boost::asio::any_io_executor executor, std::filesystem::path dir, config::LogSettings settings,
       observe::Metrics& metrics);
  ~Logs();

  // Takes over the read end of a worker's stdout/stderr pipe until it ends. Control characters other than tab
  // are escaped.
  void Capture(std::string model, int replica, Fd pipe);
  // The process is gone: its tail becomes the previous run's; a grandchild that still holds the pipe is not
  // waited for longer than a second.
  void EndRun(const std::string& model, int replica);

  std::vector<LogLine> Tail(const std::string& model, std::size_t lines) const;        // all replicas, merged
  std::vector<LogLine> Since(const std::string& model, std::uint64_t seq) const;
  std::vector<std::string> PreviousRun(const std::string& model, int replica) const;

  std::uint64_t Subscribe(const std::string& model, std::function<void()> wake);
  void Unsubscribe(std::uint64_t id);

 private:
  class State;
  std::shared_ptr<State> state_;  // the readers share it: they may outlive this object by a moment
};

}  // namespace berth::launch
