// fake-worker NAME/REPLICA: a worker without a model. Speaks the worker contract (descriptors 3, 4, 5) and
// misbehaves as its source file says (fake_behaviour.h), so that the supervisor can be tested against a real
// process that does everything wrong, in milliseconds and without libtorch.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstring>
#include <thread>

#include "supervisor/base/deadline.h"
#include "supervisor/base/exit_code.h"
#include "supervisor/base/task_group.h"
#include "tests/support/fake_control.h"
#include "tests/support/fake_routes.h"

namespace asio = boost::asio;

namespace berth::fake {

void Crash(const Behaviour& behaviour) {
  ::kill(::getpid(), behaviour.crash_signal);
  for (;;) ::pause();
}

namespace {

using asio::local::stream_protocol;

[[noreturn]] void Fail(WorkerExit code, const std::string& reason, bool permanent) {
  std::fprintf(stderr, "fake-worker: %s\n", reason.c_str());
  Send(protocol::FailedMessage{reason, permanent});
  ::_exit(Code(code));
}

// The supervisor made the control socket: its pid is the socket's peer. It may have died before prctl().
void DieWithParent() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(protocol::kControlFd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  if (!known || peer.pid != ::getppid()) ::_exit(Code(WorkerExit::kTryAgain));
}

void ForkGrandchild() {
  if (::fork() != 0) return;
  ::setsid();
  ::close(protocol::kControlFd);
  ::close(protocol::kListenFd);
  ::close(protocol::kClaimFd);
  ::signal(SIGTERM, SIG_IGN);
  ::alarm(300);  // a test that fails must not leave it for ever
  for (;;) ::pause();
}

void FloodLog(std::uint64_t bytes) {
  const std::string line(199, 'f');
  for (std::uint64_t sent = 0; sent < bytes; sent += line.size() + 1) std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void PrepareProcess(const Behaviour& how) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(
      SIGTERM, how.ignore_sigterm ? SIG_IGN : +[](int) { ::_exit(0); });
  if (how.grandchild) ForkGrandchild();
  for (const std::string& line : how.log_lines) std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  if (how.flood_log_bytes > 0) std::thread(FloodLog, how.flood_log_bytes).detach();
}

void Pause(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

void Load(const Behaviour& how) {
  const int step_ms = how.load_ms / std::max(how.load_steps, 1);
  for (int step = 0; how.never_ready || step < how.load_steps; ++step) {
    const double fraction =
        how.never_ready ? 1 - 1.0 / (step + 2) : static_cast<double>(step) / how.load_steps;
    Send(protocol::LoadingMessage{"weights", fraction});
    Pause(step_ms);
    while (how.stall_load) Pause(1000);
  }
  if (how.crash_on_load) Crash(how);
  if (how.exit_code_on_load >= 0) ::_exit(how.exit_code_on_load);
  if (how.fail_load)
    Fail(how.fail_permanent ? WorkerExit::kBadModel : WorkerExit::kTryAgain, how.fail_reason,
         how.fail_permanent);
  Send(protocol::LoadingMessage{"warmup", 1});
}

void Allocate(std::uint64_t bytes) {
  if (bytes > 0) std::memset(::operator new(bytes), 1, bytes);
}

void SendReady(const State& state) {
  const Behaviour& how = state.behaviour;
  if (!how.bad_packet.empty()) SendRaw(how.bad_packet);
  if (how.oversized_packet) SendRaw(std::string(protocol::kMaxPacket + 1, 'x'));
  if (how.empty_packet) SendRaw("");
  if (how.nan_ready) SendRaw(R"({"type":"ready","window":NaN})");
  protocol::ReadyMessage ready;
  ready.capabilities = {state.start.kind, how.context, how.embedding_dims, how.routes};
  ready.window = how.window;
  ready.memory = OwnMemory(how);
  Send(ready);
  if (how.second_hello) Send(protocol::HelloMessage{how.protocol, "fake-worker"});
}

// One io thread that accepts and serves until it is told to drain.
class Server {
 public:
  explicit Server(State& state)
      : state_(state),
        acceptor_(context_),
        connections_(context_.get_executor()),
        loops_(context_.get_executor()) {
    acceptor_.assign(stream_protocol(), protocol::kListenFd);
    if (state.start.max_body_bytes > 0) limits_.max_body = state.start.max_body_bytes;
    limits_.idle_timeout = std::chrono::hours(1);
    handler_ = [this](std::shared_ptr<http::Request> request, http::Exchange& exchange) {
      return Answer(state_, std::move(request), exchange);
    };
  }

  void Run() {
    loops_.Spawn("accept", Accept());
    context_.run();
  }

  // From any thread.
  void Drain(std::chrono::milliseconds within) {
    asio::post(context_, [this, within] {
      if (draining_) return;
      draining_ = true;
      loops_.Spawn("drain", FinishWithin(within));
    });
  }

 private:
  asio::awaitable<void> Accept() {
    while (!draining_) {
      if (state_.behaviour.slow_accept_ms > 0) {
        co_await SleepFor(std::chrono::milliseconds(state_.behaviour.slow_accept_ms));
      }
      boost::system::error_code error;
      stream_protocol::socket accepted(context_);
      co_await acceptor_.async_accept(accepted, asio::redirect_error(asio::use_awaitable, error));
      if (error) continue;
      ::fcntl(accepted.native_handle(), F_SETFD, FD_CLOEXEC);
      http::Socket socket(std::move(accepted));
      connections_.Spawn("connection",
                         http::ServeConnection(std::move(socket), handler_, limits_, draining_));
    }
  }

  asio::awaitable<void> FinishWithin(std::chrono::milliseconds within) {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    connections_.Cancel();
    asio::steady_timer overdue(context_, within);
    overdue.async_wait([this](const boost::system::error_code& error) {
      if (!error) ::_exit(state_.behaviour.exit_code_on_drain);
    });
    co_await connections_.Join();
    Send(protocol::DrainedMessage{});
    ::_exit(state_.behaviour.exit_code_on_drain);
  }

  State& state_;
  asio::io_context context_;
  stream_protocol::acceptor acceptor_;
  TaskGroup connections_;
  TaskGroup loops_;
  http::ServerLimits limits_;
  http::Handler handler_;
  bool draining_ = false;
};

void MapClaims(State& state) {
  if (::fcntl(protocol::kClaimFd, F_GETFD) < 0) return;
  auto view = protocol::ClaimView::Map(Fd(protocol::kClaimFd));
  if (!view) Fail(WorkerExit::kBadOptions, view.error().message, true);
  state.claims = *std::move(view);
}

int Main() {
  DieWithParent();
  State state;
  state.start = AwaitStart();
  auto behaviour = ReadBehaviour(state.start.source);
  if (!behaviour) Fail(WorkerExit::kBadModel, behaviour.error().message, true);
  state.behaviour = *std::move(behaviour);
  PrepareProcess(state.behaviour);
  Send(protocol::HelloMessage{state.behaviour.protocol, "fake-worker " BERTH_VERSION});
  MapClaims(state);
  Server server(state);
  StartListening(state, [&server](std::chrono::milliseconds within) { server.Drain(within); });
  Allocate(state.behaviour.allocate_bytes);
  Load(state.behaviour);
  SendReady(state);
  StartBeating(state);
  server.Run();
  return Code(WorkerExit::kDone);
}

}  // namespace
}  // namespace berth::fake

int main(int argc, char** argv) {
  if (argc != 2 || !std::strchr(argv[1], '/')) {
    std::fprintf(stderr, "usage: fake-worker NAME/REPLICA, started by the supervisor\n");
    return berth::Code(berth::WorkerExit::kBadOptions);
  }
  return berth::fake::Main();
}
