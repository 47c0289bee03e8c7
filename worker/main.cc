// berth-worker: one replica of one model. Started by berthd with its sockets in place (DESIGN §7); says
// hello, loads what the start message names, warms up, serves until it is drained or the supervisor goes
// away. Threads: this one runs the io loop; the control link has a reader and a beat; the pool does JSON and
// tokens; the engine computes.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/base/log.h"
#include "worker/drainer.h"
#include "worker/engine/encoder.h"
#include "worker/metering/heap.h"
#include "worker/engine/tensor_memory.h"
#include "worker/loaded_model.h"
#include "worker/process.h"
#include "worker/protocol/claim_table.h"
#include "worker/serve/contract.h"
#include "worker/serve/memory_report.h"

namespace asio = boost::asio;

namespace berth {
namespace {

constexpr Duration kStartPatience = std::chrono::seconds(10);
constexpr Duration kBeatInterval = std::chrono::seconds(1);
constexpr int kPoolThreads = 2;

struct Kind {
  std::string_view name;
  std::unique_ptr<LoadedModel> (*load)(Loading& loading);
};
constexpr Kind kKinds[] = {{"embedding", LoadEncoder}, {"llm", LoadLlm}, {"speech", LoadSpeech}};

const Kind* FindKind(std::string_view name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

serve::ControlLink* control_link = nullptr;  // for OutOfMemory(), which has nothing else

[[noreturn]] void OutOfMemory() {
  std::set_new_handler(nullptr);
  try {
    Fail(*control_link, "out of memory: an allocation failed; raise `memory` of the model",
         WorkerExit::kOutOfMemory);
  } catch (const std::bad_alloc&) {  // not even for the last word
    Leave(WorkerExit::kOutOfMemory);
  }
}

[[noreturn]] void Drained(serve::ControlLink& control) {
  [[maybe_unused]] const auto sent = control.Send(protocol::DrainedMessage{});
  LogInfo("drained");
  Leave(WorkerExit::kDone);
}

// What this build cannot do is said before anything is loaded.
Status CheckStart(const protocol::StartMessage& start) {
  if (start.protocol != protocol::kProtocolVersion) {
    return Invalid("the supervisor speaks protocol ", start.protocol, ", this worker ",
                   protocol::kProtocolVersion, "; install berthd and berth-worker of one version");
  }
  if (FindKind(start.kind) == nullptr) {
    std::string known;
    for (const Kind& kind : kKinds) known.append(known.empty() ? "" : ", ").append(kind.name);
    return Invalid("kind \"", start.kind, "\" is not supported; supported: ", known);
  }
  if (start.devices.size() != 1) {
    return Invalid("the start message gives ", start.devices.size(),
                   " devices; a replica of this worker uses one: set devices_per_replica to 1");
  }
  if (start.devices[0] != "cpu") return Invalid("device \"", start.devices[0], "\" is not supported; supported: cpu");
  if (start.threads < 1 || start.batch_max_tokens < 1) {
    return Invalid("the start message asks for ", start.threads, " threads and batches of ",
                   start.batch_max_tokens, " tokens; both must be at least 1");
  }
  return Ok();
}

http::ServerLimits LimitsOf(const protocol::StartMessage& start, serve::Router& router) {
  http::ServerLimits limits;
  limits.body_memory = [&router] { return router.MemoryForBody(); };
  limits.head = http::kLimitsBehindProxy;
  limits.max_body = start.max_body_bytes;
  return limits;
}

[[noreturn]] void Serve(serve::ControlLink& control, const protocol::StartMessage& start,
                        protocol::ClaimView& claims) {
  asio::io_context io(1);
  std::optional<Drainer> drainer;
  std::atomic<bool> serving{false};
  // From the first moment: a supervisor that goes away while weights load must not leave this process behind,
  // and a drain finds nothing to finish then.
  control.Listen(
      [&](protocol::DrainMessage drain) {
        if (!serving) Drained(control);
        asio::post(io, [&drainer, drain] { drainer->Begin(std::chrono::milliseconds(drain.deadline_ms)); });
      },
      [] { Leave(WorkerExit::kDone); });

  engine::Budget budget(Bytes{start.budget_bytes});
  const engine::TensorMemory tensors(budget);
  serve::MemoryGuard guard(budget);
  guard.Settle();
  if (const auto why = guard.TooSmall()) FailLoad(control, *why, WorkerExit::kOutOfMemory);
  engine::Metrics metrics;
  asio::thread_pool pool(kPoolThreads);
  serve::Service service{start.name, claims, metrics, budget, pool};
  Loading loading{control, start, guard, budget, metrics, service};
  const auto model = FindKind(start.kind)->load(loading);
  serve::MemoryWatch memory(budget);
  memory.SetWeights(model->weights_mapped(), model->weights_owned());
  const protocol::MemoryReport warmed_up = memory.Read();
  guard.Settle();
  guard.Serving();
  [[maybe_unused]] const auto warm_up = metrics.Take();  // not clients' work

  serve::Router router(service, model->Routes(), model->does());
  serve::Server server(
      io, Fd(protocol::kListenFd),
      [&router](std::shared_ptr<http::Request> request, http::Exchange& exchange) {
        return router.Handle(std::move(request), exchange);
      },
      LimitsOf(start, router));
  drainer.emplace(io, router, server, [&model] { model->Drain(); }, [&control] { Drained(control); });
  asio::signal_set terminate(io, SIGTERM);
  terminate.async_wait([&](boost::system::error_code, int) { drainer->Begin(std::chrono::hours(1)); });
  serving = true;
  server.Start();
  control.Beat(kBeatInterval,
               {[&model] { return model->steps(); }, [&service] { return service.begun.load(); },
                [&memory] { return memory.Read(); }, [&guard] { guard.Settle(); }, [&model] { return model->gauges(); }},
               metrics);
  protocol::ReadyMessage ready{model->capabilities(), model->window(), warmed_up};
  ready.capabilities.kind = start.kind;
  ready.capabilities.routes = router.paths();
  if (Status sent = control.Send(ready); !sent) Fail(control, sent.error().message, WorkerExit::kTryAgain);
  LogInfo("ready: " + start.source + ", " + model->summary());
  io.run();
  Fail(control, "the io loop ended", WorkerExit::kInternal);
}

[[noreturn]] void Run() {
  serve::ControlLink control{Fd(protocol::kControlFd)};
  control_link = &control;
  std::signal(SIGPIPE, SIG_IGN);  // a log pipe that nobody reads any more is no reason to die
  std::set_new_handler(OutOfMemory);
  const std::string build = "berth-worker " BERTH_VERSION ", libtorch " + engine::TorchVersion();
  if (Status sent = control.Send(protocol::HelloMessage{protocol::kProtocolVersion, build}); !sent) {
    Fail(control, sent.error().message, WorkerExit::kTryAgain);
  }
  const auto start = control.ReceiveStart(kStartPatience);
  if (!start) Fail(control, start.error().message, WorkerExit::kBadOptions);
  if (Status good = CheckStart(*start); !good) Fail(control, good.error().message, WorkerExit::kBadOptions);
  const auto claims = Need(control, protocol::ClaimView::Map(Fd(protocol::kClaimFd)));
  try {
    Serve(control, *start, *claims);
  } catch (const std::exception& error) {
    Fail(control, std::string("internal error: ") + error.what(), WorkerExit::kInternal);
  }
}

int Refuse(const std::string& reason) {
  std::fprintf(stderr, "berth-worker: %s\n", reason.c_str());
  return Code(WorkerExit::kBadOptions);
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("berth-worker %s, libtorch %s\n", BERTH_VERSION, engine::TorchVersion().c_str());
    return Code(WorkerExit::kDone);
  }
  if (Status good = serve::CheckDescriptors(); !good) return Refuse(good.error().message);
  if (argc != 2 || std::string_view(argv[1]).find('/') == std::string_view::npos) {
    return Refuse("usage: berth-worker NAME/REPLICA");
  }
  if (Status bound = serve::DieWithParent(); !bound) return Refuse(bound.error().message);
  engine::KeepFreedMemory();
  Run();
}

}  // namespace
}  // namespace berth

int main(int argc, char** argv) { return berth::Main(argc, argv); }
