#include "supervisor/launch/worker_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>

#include "supervisor/base/deadline.h"

namespace asio = boost::asio;

namespace berth::launch {
namespace {

// A worker beats once a second and reports its load in some dozens of steps.
constexpr int kMaxPacketsPerSecond = 1000;
// After the process has ended: its last packets are there, unless a descendant holds the socket open.
constexpr Duration kLastPackets = std::chrono::milliseconds(500);
// A process that closes its control socket is about to exit.
constexpr Duration kExitAfterClose = std::chrono::seconds(2);

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SystemError(errno, "cannot make a log pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<std::unique_ptr<Child>> SpawnWith(Spawner& spawner, const WorkerSettings& settings, int log, int control,
                                         int listener, int claims) {
  Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!null) return SystemError(errno, "cannot open /dev/null");
  const protocol::StartMessage& start = settings.start;
  const SpawnRequest request{settings.program,
                             {"berth-worker", start.name + "/" + std::to_string(start.replica)},
                             settings.environment,
                             {null.get(), log, log, control, listener, claims}};
  return spawner.Spawn(request);
}

}  // namespace

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::Launch(asio::any_io_executor executor, Spawner& spawner,
                                                             Logs& logs, const WorkerSettings& settings,
                                                             std::function<void(Notice)> notify) {
  auto listener = ListenSocket::Bind(settings.socket_path);
  if (!listener) return listener.error();
  auto control = protocol::MakeControlPair();
  if (!control) return control.error();
  auto claims = protocol::ClaimTable::Create(kMaxWindow);
  if (!claims) return claims.error();
  auto log = MakePipe();
  if (!log) return log.error();
  // Queued before the process exists: a worker never waits for its first packet.
  const auto sent = protocol::SendPacket(control->first.get(), protocol::Encode(protocol::ToWorker(settings.start)));
  if (!sent) return sent.error();
  auto child = SpawnWith(spawner, settings, log->write_end.get(), control->second.get(), listener->fd(),
                         (*claims)->fd());
  if (!child) return child.error();
  listener->CloseDescriptor();
  logs.Capture(settings.start.name, settings.start.replica, std::move(log->read_end));
  std::unique_ptr<WorkerProcess> process(new WorkerProcess(executor, std::move(*child), std::move(*listener),
                                                           std::move(*claims), std::move(control->first),
                                                           std::move(notify)));
  process->tasks_.Spawn("worker control", process->Receive());
  process->tasks_.Spawn("worker end", process->AwaitEnd());
  return process;
}

WorkerProcess::WorkerProcess(asio::any_io_executor executor, std::unique_ptr<Child> child, ListenSocket listener,
                             std::unique_ptr<protocol::ClaimTable> claims, Fd control,
                             std::function<void(Notice)> notify)
    : child_(std::move(child)),
      listener_(std::move(listener)),
      claims_(std::move(claims)),
      control_(executor, asio::generic::seq_packet_protocol(AF_UNIX, 0), control.Release()),
      ended_(executor, child_->ended_fd()),
      received_all_(executor, TimePoint::max()),
      process_ended_(executor, TimePoint::max()),
      notify_(std::move(notify)),
      tasks_(executor) {}

// The descriptor belongs to the child.
WorkerProcess::~WorkerProcess() { ended_.release(); }

bool WorkerProcess::Send(const protocol::ToWorker& message) {
  const auto sent = protocol::SendPacket(control_.native_handle(), protocol::Encode(message));
  return sent && *sent;
}

asio::awaitable<void> WorkerProcess::Join() { co_await tasks_.Join(); }

bool WorkerProcess::TooMany() {
  const TimePoint now = Clock::now();
  if (now - rate_since_ >= std::chrono::seconds(1)) {
    rate_since_ = now;
    rate_count_ = 0;
  }
  return ++rate_count_ > kMaxPacketsPerSecond;
}

bool WorkerProcess::Deliver(const std::string& packet) {
  if (TooMany()) {
    notify_(Breach{"sent more than " + std::to_string(kMaxPacketsPerSecond) + " control messages in a second"});
    return false;
  }
  auto message = protocol::DecodeFromWorker(packet);
  if (!message) {
    notify_(Breach{"sent a control message that is not one: " + message.error().message});
    return false;
  }
  notify_(std::move(*message));
  return true;
}

asio::awaitable<void> WorkerProcess::Receive() {
  bool closed = false;
  for (bool more = true; more;) {
    auto packet = co_await protocol::AsyncReceivePacket(control_);
    if (!packet) {
      if (!ended_seen_) notify_(Breach{packet.error().message});
      break;
    }
    closed = !packet->has_value();
    more = !closed && Deliver(**packet);
  }
  receiving_ = false;
  received_all_.cancel();
  if (!closed || ended_seen_) co_return;
  process_ended_.expires_after(kExitAfterClose);
  boost::system::error_code cancelled;
  co_await process_ended_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  if (!ended_seen_) notify_(Breach{"closed its control socket, but goes on running"});
}

asio::awaitable<void> WorkerProcess::AwaitEnd() {
  boost::system::error_code error;
  co_await ended_.async_wait(asio::posix::stream_descriptor::wait_read, asio::redirect_error(asio::use_awaitable, error));
  ended_seen_ = true;
  process_ended_.cancel();
  child_->Kill();  // what is left of its process group
  if (receiving_) {
    received_all_.expires_after(kLastPackets);
    co_await received_all_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
  if (receiving_) control_.cancel(error);
  std::optional<WaitStatus> status;
  while (!(status = child_->Reap())) co_await SleepFor(std::chrono::milliseconds(10));
  notify_(Ended{*status});
}

}  // namespace berth::launch
