// One running worker process and all that belongs to it: control socket, claim table, listening socket, log
// pipe. Turns what the worker sends and its end into notices for the replica that owns it; decides nothing.
// Control thread only. The owner joins it (Join) after the Ended notice and then destroys it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "supervisor/base/result.h"
#include "supervisor/base/task_group.h"
#include "supervisor/launch/listen_socket.h"
#include "supervisor/launch/logs.h"
#include "supervisor/launch/spawner.h"
#include "worker/protocol/claim_table.h"
#include "worker/protocol/control.h"
#include "worker/protocol/control_channel.h"

namespace berth::launch {

struct Breach {  // of the protocol
  std::string reason;
};
// The process is reaped, and what it said before has been delivered. The last notice.
struct Ended {
  WaitStatus status;
};
using Notice = std::variant<protocol::FromWorker, Breach, Ended>;

struct WorkerSettings {
  std::filesystem::path program;
  std::filesystem::path socket_path;
  std::vector<std::string> environment;
  protocol::StartMessage start;
};

class WorkerProcess {
 public:
  // A worker may have at most this many requests outstanding, whatever window it asks for.
  static constexpr int kMaxWindow = 4096;

  // `notify` is called on the executor, never from within Launch().
  static Result<std::unique_ptr<WorkerProcess>> Launch(boost::asio::any_io_executor executor, Spawner& spawner,
                                                       Logs& logs, const WorkerSettings& settings,
                                                       std::function<void(Notice)> notify);
  ~WorkerProcess();

  pid_t pid() const { return child_->pid(); }
  // The socket's handle moves to the endpoint, too; once.
  Fd TakeSocket() { return listener_.TakeHandle(); }
  // The table moves to the endpoint that the proxy uses; once.
  std::unique_ptr<protocol::ClaimTable> TakeClaims() { return std::move(claims_); }

  // False: the worker does not read, or is gone.
  bool Send(const protocol::ToWorker& message);
  void Kill() { child_->Kill(); }
  boost::asio::awaitable<void> Join();

 private:
  WorkerProcess(boost::asio::any_io_executor executor, std::unique_ptr<Child> child, ListenSocket listener,
                std::unique_ptr<protocol::ClaimTable> claims, Fd control, std::function<void(Notice)> notify);
  boost::asio::awaitable<void> Receive();
  boost::asio::awaitable<void> AwaitEnd();
  bool Deliver(const std::string& packet);  // false: a breach, nothing more is read
  bool TooMany();

  std::unique_ptr<Child> child_;
  ListenSocket listener_;
  std::unique_ptr<protocol::ClaimTable> claims_;
  protocol::ControlSocket control_;
  boost::asio::posix::stream_descriptor ended_;
  boost::asio::steady_timer received_all_;  // cancelled when the control socket has no more to say
  boost::asio::steady_timer process_ended_; // cancelled when the process has ended
  std::function<void(Notice)> notify_;
  bool receiving_ = true;
  bool ended_seen_ = false;
  TimePoint rate_since_{};
  int rate_count_ = 0;
  TaskGroup tasks_;
};

}  // namespace berth::launch
