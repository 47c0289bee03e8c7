// berth-worker: one replica of one model. Started by berthd with its sockets in place (DESIGN §7); says
// hello, loads what the start message names, warms up, serves until it is drained or the supervisor goes
// away. Threads: this one runs the io loop; the control link has a reader and a beat; the pool does JSON and
// tokens; the engine computes.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/base/bytes.h"
#include "supervisor/base/exit_code.h"
#include "supervisor/base/log.h"
#include "worker/engine/encoder.h"
#include "worker/engine/engine.h"
#include "worker/engine/heap.h"
#include "worker/engine/tensor_memory.h"
#include "worker/engine/warm_up.h"
#include "worker/metering/budget.h"
#include "worker/metering/metrics.h"
#include "worker/protocol/claim_table.h"
#include "worker/protocol/control.h"
#include "worker/serve/contract.h"
#include "worker/serve/control_link.h"
#include "worker/serve/memory_guard.h"
#include "worker/serve/memory_report.h"
#include "worker/serve/router.h"
#include "worker/serve/server.h"
#include "worker/serve/service.h"
#include "worker/text/tokenizer.h"

namespace asio = boost::asio;

namespace berth {
namespace {

constexpr Duration kStartPatience = std::chrono::seconds(10);
constexpr Duration kBeatInterval = std::chrono::seconds(1);
constexpr Duration kCloseGrace = std::chrono::seconds(2);
constexpr int kMaxBatchSequences = 512;  // the last bucket of batch_size
constexpr int kPoolThreads = 2;
constexpr double kWeightsShare = 0.8;  // of the load; the warm-up is the rest
constexpr double kProgressStep = 0.01;

serve::ControlLink* control_link = nullptr;  // for OutOfMemory(), which has nothing else

// Ends the process without destructors: threads are running, and libtorch's own take long and may deadlock.
[[noreturn]] void Leave(WorkerExit code) { ::_exit(Code(code)); }

[[noreturn]] void Fail(serve::ControlLink& control, const std::string& reason, WorkerExit code, bool permanent) {
  LogError(reason);
  [[maybe_unused]] const auto sent = control.Send(protocol::FailedMessage{reason, permanent});
  Leave(code);
}

[[noreturn]] void Fail(serve::ControlLink& control, const std::string& reason, WorkerExit code) {
  Fail(control, reason, code, code == WorkerExit::kBadModel || code == WorkerExit::kBadOptions);
}

// The same model needs the same memory the next time: a load that does not fit is not tried again.
[[noreturn]] void FailLoad(serve::ControlLink& control, const std::string& reason, WorkerExit code) {
  Fail(control, reason, code, code != WorkerExit::kTryAgain && code != WorkerExit::kInternal);
}

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

WorkerExit ExitFor(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInvalid:
    case ErrorKind::kNotFound:
    case ErrorKind::kPermission:
      return WorkerExit::kBadModel;
    case ErrorKind::kExhausted:
      return WorkerExit::kOutOfMemory;
    case ErrorKind::kIo:
    case ErrorKind::kUnavailable:
    case ErrorKind::kTimeout:
      return WorkerExit::kTryAgain;
    default:
      return WorkerExit::kInternal;
  }
}

template <class T>
T Need(serve::ControlLink& control, Result<T> result) {
  if (!result) FailLoad(control, result.error().message, ExitFor(result.error().kind));
  return std::move(*result);
}

// What this build cannot do is said before anything is loaded.
Status CheckStart(const protocol::StartMessage& start) {
  if (start.protocol != protocol::kProtocolVersion) {
    return Invalid("the supervisor speaks protocol ", start.protocol, ", this worker ",
                   protocol::kProtocolVersion, "; install berthd and berth-worker of one version");
  }
  if (start.kind != "embedding")
    return Invalid("kind \"", start.kind, "\" is not supported; supported: embedding");
  if (start.devices.size() != 1) {
    return Invalid("the start message gives ", start.devices.size(), " devices; a replica of this worker uses one: set devices_per_replica to 1");
  }
  if (start.devices[0] != "cpu") return Invalid("device \"", start.devices[0], "\" is not supported; supported: cpu");
  if (start.threads < 1 || start.batch_max_tokens < 1) {
    return Invalid("the start message asks for ", start.threads, " threads and batches of ",
                   start.batch_max_tokens, " tokens; both must be at least 1");
  }
  return Ok();
}

std::unique_ptr<engine::Encoder> LoadModel(serve::ControlLink& control, const protocol::StartMessage& start) {
  double told = 0;
  const auto progress = [&](double share) {
    const double fraction = share * kWeightsShare;
    if (fraction < told + kProgressStep) return;
    told = fraction;
    [[maybe_unused]] const auto sent = control.Send(protocol::LoadingMessage{"weights", fraction});
  };
  return Need(control, engine::Encoder::Load(start.source, {Bytes{start.budget_bytes}, progress}));
}

serve::ModelFacts FactsOf(const protocol::StartMessage& start, const engine::Encoder& encoder) {
  return {.name = start.name,
          .dimensions = encoder.dimensions(),
          .max_tokens = encoder.max_tokens(),
          .vocab_size = encoder.vocab_size(),
          .matryoshka = start.matryoshka,
          .sentence = encoder.sentence(),
          .task = encoder.task()};
}

std::unique_ptr<text::Tokenizer> LoadTokenizer(serve::ControlLink& control,
                                               const protocol::StartMessage& start,
                                               const engine::Encoder& encoder) {
  auto tokenizer = Need(control, text::Tokenizer::Load(start.source));
  const Status pairs = tokenizer->CheckPairs();
  if (!pairs && encoder.task() == engine::Task::kRanking) {
    Fail(control, start.source + ": the model ranks pairs of texts, but " + pairs.error().message,
         WorkerExit::kBadModel);
  }
  if (tokenizer->vocab_size() <= static_cast<std::size_t>(encoder.vocab_size())) return tokenizer;
  Fail(control,
       start.source + ": the tokenizer has ids up to " + std::to_string(tokenizer->vocab_size() - 1) +
           ", config.json a vocab_size of " + std::to_string(encoder.vocab_size()) +
           "; they do not belong together",
       WorkerExit::kBadModel);
}

// Batches are packed, so more tokens than are computed at once gain nothing, and cost all that is decided
// between batches: who is next, who has left, which claims are begun.
engine::Limits LimitsOf(const protocol::StartMessage& start) {
  return {std::min(start.batch_max_tokens, engine::Encoder::kTokensAtOnce), kMaxBatchSequences,
          std::chrono::microseconds(start.batch_max_delay_us)};
}

engine::Engine::Options EngineOptions(const protocol::StartMessage& start, int dimensions) {
  engine::Engine::Options options;
  options.limits = LimitsOf(start);
  options.dimensions = dimensions;
  options.prepare_thread = [threads = start.threads] { engine::SetComputeThreads(threads); };
  return options;
}

void WarmUp(serve::ControlLink& control, const protocol::StartMessage& start, engine::Engine& engine,
            const engine::Encoder& encoder) {
  [[maybe_unused]] const auto told = control.Send(protocol::LoadingMessage{"warmup", kWeightsShare});
  const Status warm = engine::WarmUp(engine, encoder, LimitsOf(start));
  if (warm) return;
  const bool memory = warm.error().kind == ErrorKind::kExhausted;
  FailLoad(control, start.source + ": " + warm.error().message,
           memory ? WorkerExit::kOutOfMemory : WorkerExit::kBadModel);
}

// Twice the largest batch, in sequences of full length, so that the next batch is here when one ends.
int Window(const protocol::StartMessage& start, const engine::Encoder& encoder) {
  return std::clamp(2 * start.batch_max_tokens / encoder.max_tokens(), 16, 256);
}

// The end of a worker's life: new requests are refused, begun ones finish, connections close.
class Drainer {
 public:
  Drainer(asio::io_context& io, serve::ControlLink& control, engine::Engine& engine, serve::Router& router,
          serve::Server& server)
      : control_(control), engine_(engine), router_(router), server_(server), deadline_(io) {}

  // On the io thread. The second call changes nothing.
  void Begin(Duration patience) {
    if (begun_) return;
    begun_ = true;
    LogInfo("draining for at most " + FormatDuration(patience));
    engine_.Drain();
    router_.Drain([this] { Close(); });
    deadline_.expires_after(patience);
    deadline_.async_wait([this](boost::system::error_code cancelled) {
      if (!cancelled) Close();
    });
  }

 private:
  void Close() {
    if (closing_) return;
    closing_ = true;
    server_.Close(kCloseGrace, [this] { Drained(control_); });
  }

  serve::ControlLink& control_;
  engine::Engine& engine_;
  serve::Router& router_;
  serve::Server& server_;
  asio::steady_timer deadline_;
  bool begun_ = false;
  bool closing_ = false;
};

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
  const auto encoder = LoadModel(control, start);
  const auto tokenizer = LoadTokenizer(control, start, *encoder);
  const serve::ModelFacts facts = FactsOf(start, *encoder);
  serve::MemoryWatch memory(budget);
  memory.SetWeights(encoder->weights_mapped(), encoder->weights_owned());
  engine::Metrics metrics;
  const auto encode = [&](auto sequences, const auto& sink) {
    Status done = encoder->Encode(sequences, sink);
    if (const auto why = guard.After(done)) Fail(control, *why, WorkerExit::kOutOfMemory);
    return done;
  };
  engine::Engine engine(encode, EngineOptions(start, facts.dimensions), metrics);
  WarmUp(control, start, engine, *encoder);
  const protocol::MemoryReport warmed_up = memory.Read();
  guard.Settle();
  guard.Serving();
  [[maybe_unused]] const auto warm_up = metrics.Take();  // not clients' work

  asio::thread_pool pool(kPoolThreads);
  serve::Service service{facts, *tokenizer, engine, claims, metrics, budget, pool};
  serve::Router router(service);
  http::ServerLimits limits;
  limits.head = http::kLimitsBehindProxy;
  limits.max_body = start.max_body_bytes;
  serve::Server server(
      io, Fd(protocol::kListenFd),
      [&router](std::shared_ptr<http::Request> request, http::Exchange& exchange) {
        return router.Handle(std::move(request), exchange);
      },
      limits);
  drainer.emplace(io, control, engine, router, server);
  asio::signal_set terminate(io, SIGTERM);
  terminate.async_wait([&](boost::system::error_code, int) { drainer->Begin(std::chrono::hours(1)); });
  serving = true;
  server.Start();
  control.Beat(kBeatInterval,
               {[&encoder] { return encoder->steps(); }, [&service] { return service.begun.load(); },
                [&memory] { return memory.Read(); }, [&guard] { guard.Settle(); }},
               metrics);
  const bool ranks = facts.task == engine::Task::kRanking;
  const protocol::ReadyMessage ready{
      {start.kind, facts.max_tokens, ranks ? 0 : facts.dimensions, serve::Router::Routes(facts.task)},
      Window(start, *encoder),
      warmed_up};
  if (Status sent = control.Send(ready); !sent) Fail(control, sent.error().message, WorkerExit::kTryAgain);
  LogInfo("ready: " + start.source + ", " +
          (ranks ? "ranks pairs of texts" : std::to_string(facts.dimensions) + " dimensions") + ", " +
          std::to_string(facts.max_tokens) + " tokens");
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
