#include "supervisor/admin/daemon.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <random>

#include "supervisor/admin/admin_server.h"
#include "supervisor/admin/gpu_watch.h"
#include "supervisor/admin/notify.h"
#include "supervisor/admin/preparation.h"
#include "supervisor/base/deadline.h"
#include "supervisor/base/log.h"
#include "supervisor/base/task_group.h"
#include "supervisor/launch/fleet.h"
#include "supervisor/launch/runtime_dir.h"
#include "supervisor/launch/worker_stats.h"
#include "supervisor/route/proxy.h"

namespace asio = boost::asio;

namespace berth::admin {
namespace {

constexpr Duration kGpuPeriod = std::chrono::seconds(1);
constexpr Duration kLagPeriod = std::chrono::milliseconds(500);
// How often a drain looks whether the last request has ended.
constexpr Duration kDrainPeriod = std::chrono::milliseconds(20);
// For workers to die after their grace, before the daemon gives up waiting politely.
constexpr Duration kAfterGrace = std::chrono::seconds(5);
constexpr Duration kAdminGrace = std::chrono::seconds(1);
constexpr Duration kLastLines = std::chrono::seconds(2);

Duration LongestGrace(const config::Plan& plan) {
  Duration longest{};
  for (const config::Model& model : plan.models) longest = std::max(longest, model.stop_grace);
  return longest;
}

// Members in the order in which they are made; each refers only to earlier ones.
class Daemon : public Control {
 public:
  Daemon(const Options& options, CheckedPlan checked, std::filesystem::path worker, launch::RuntimeDir runtime);

  // Binds all listeners. Until it has succeeded nothing has been started.
  Status Listen();
  // Until a signal or an operator ends it. kFailed: a worker is left that the kernel does not let go.
  Exit Run();

  // Control
  std::vector<launch::ModelStatus> Models() const override { return fleet_.Describe(); }
  const placement::Ledger& ledger() const override { return fleet_.ledger(); }
  std::shared_ptr<const gpu::Inventory> gpus() const override;
  std::vector<std::string> WhyNotReady() const override;
  int RequestsOpen() const override { return proxy_.requests_open(); }
  bool Draining() const override { return stops_asked_ > 0; }
  Status Start(const std::string& model) override;
  Status Stop(const std::string& model) override { return fleet_.Stop(model); }
  Status Restart(const std::string& model) override;
  asio::awaitable<bool> Settled(std::string model, TimePoint deadline) override;
  void Shutdown() override { AskToStop("an operator"); }
  std::vector<launch::LogLine> LogTail(const std::string& model, std::size_t lines) const override;
  std::vector<launch::LogLine> LogSince(const std::string& model, std::uint64_t seq) const override;
  std::vector<std::string> LogOfPreviousRun(const std::string& model, int replica) const override;
  std::uint64_t SubscribeLogs(const std::string& model, std::function<void()> wake) override;
  void UnsubscribeLogs(std::uint64_t id) override { logs_.Unsubscribe(id); }

 private:
  Status RefuseWhileDraining() const;
  launch::FleetOptions FleetOptionsOf(std::filesystem::path worker);
  void PassOnDemand(const std::string& model);
  void AnnounceReady();
  std::string Stuck() const;  // "bge/0 (pid 4711)", …
  // The first call drains, the second ends at once.
  void AskToStop(const std::string& who);
  asio::awaitable<void> WatchSignals();
  asio::awaitable<void> MeasureLag();
  asio::awaitable<void> WatchGpus();
  asio::awaitable<void> EndWhenAsked();
  asio::awaitable<void> EndFleet();
  asio::awaitable<void> HurryFleet();

  const CheckedPlan checked_;
  const launch::RuntimeDir runtime_;
  asio::io_context loop_{1};
  observe::Events events_;
  observe::Metrics metrics_;
  launch::Cgroups cgroups_{{}};
  std::optional<GpuWatch> gpu_watch_;
  route::Proxy proxy_;
  launch::Fleet fleet_;
  launch::Logs& logs_;
  Context context_;
  AdminServer admin_;
  asio::signal_set signals_;
  asio::steady_timer asked_;  // cancelled at each call of AskToStop
  int stops_asked_ = 0;
  const bool at_terminal_ = ::isatty(STDERR_FILENO) == 1;  // SIGHUP then means that somebody closed it
  TaskGroup main_;
  TaskGroup background_;  // ends with the main task
};

Daemon::Daemon(const Options& options, CheckedPlan checked, std::filesystem::path worker, launch::RuntimeDir runtime)
    : checked_(std::move(checked)),
      runtime_(std::move(runtime)),
      proxy_(checked_.plan, metrics_, {.wanted = [this](const std::string& model) { PassOnDemand(model); }}),
      fleet_(loop_.get_executor(), checked_.plan, checked_.placement, FleetOptionsOf(std::move(worker)), proxy_,
             events_, metrics_),
      logs_(fleet_.logs()),
      context_{checked_.plan, checked_.placement, *this, events_, metrics_, options.plan.string(), TimestampNow(),
               Clock::now(), {}, false, {}, checked_.estimates},
      admin_(loop_.get_executor(), context_),
      signals_(loop_, SIGTERM, SIGINT, SIGHUP),
      asked_(loop_, TimePoint::max()),
      main_(loop_.get_executor()),
      background_(loop_.get_executor()) {
  if (checked_.gpus) gpu_watch_.emplace(checked_.plan, *checked_.gpus, events_, metrics_);
}

// From any thread of the proxy to the fleet's.
void Daemon::PassOnDemand(const std::string& model) {
  asio::post(loop_, [this, model] { fleet_.Demand(model); });
}

launch::FleetOptions Daemon::FleetOptionsOf(std::filesystem::path worker) {
  launch::FleetOptions options{std::move(worker), runtime_.path(), LogDir(checked_.plan), std::random_device()()};
  options.cgroups = &cgroups_;
  if (!checked_.gpus) return options;
  for (const config::Device& device : checked_.plan.devices) {
    if (!device.cuda.empty()) options.gpus.uuids[device.name] = device.cuda;
  }
  options.gpus.latest = [gpus = checked_.gpus.get()] { return gpus->Latest(); };
  return options;
}

Status Daemon::Listen() {
  if (const Status bound = proxy_.Listen(); !bound) return bound;
  context_.addresses = proxy_.addresses();
  return admin_.Listen(checked_.plan.server.admin);
}

Exit Daemon::Run() {
  background_.Spawn("signals", WatchSignals());
  background_.Spawn("loop lag", MeasureLag());
  if (gpu_watch_) background_.Spawn("GPUs", WatchGpus());
  main_.Spawn("end", EndWhenAsked());
  proxy_.Run();
  admin_.Run();
  fleet_.Boot();
  AnnounceReady();
  while (main_.size() > 0 && loop_.run_one() > 0) {
  }
  // What still runs ends by itself, such as the readers of the workers' last lines; only a stuck worker would be
  // watched for ever.
  loop_.run_for(kLastLines);
  return Stuck().empty() ? Exit::kOk : Exit::kFailed;
}

std::string Daemon::Stuck() const {
  std::string stuck;
  for (const launch::ModelStatus& model : fleet_.Describe()) {
    for (const launch::ReplicaStatus& replica : model.replicas) {
      if (replica.state != launch::State::kStuck) continue;
      stuck.append(stuck.empty() ? "" : ", ").append(model.name).append("/").append(std::to_string(replica.replica));
      stuck.append(" (pid ").append(std::to_string(replica.pid)).append(")");
    }
  }
  return stuck;
}

void Daemon::AnnounceReady() {
  std::string message = "berthd " BERTH_VERSION " serves " + context_.plan_file + " as pid " +
                        std::to_string(::getpid());
  for (const std::string& address : context_.addresses) message += ", listening on http://" + address;
  message += ", admin socket " + checked_.plan.server.admin.string();
  events_.Add("daemon", "", -1, message);
  events_.Add("daemon", "", -1, "workers are held to their memory by their own count, " +
                                    std::string(launch::kFencesMemory ? "RLIMIT_DATA" : "no RLIMIT_DATA") + ", " +
                                    cgroups_.description());
  NotifySystemd("READY=1");
}

std::shared_ptr<const gpu::Inventory> Daemon::gpus() const {
  return checked_.gpus ? checked_.gpus->Latest() : nullptr;
}

std::vector<std::string> Daemon::WhyNotReady() const {
  std::vector<std::string> reasons;
  fleet_.Ready(&reasons);
  return reasons;
}

Status Daemon::RefuseWhileDraining() const {
  if (!Draining()) return Ok();
  return MakeError(ErrorKind::kConflict, "the daemon is draining and will end; nothing is started any more");
}

Status Daemon::Start(const std::string& model) {
  if (const Status allowed = RefuseWhileDraining(); !allowed) return allowed;
  return fleet_.Start(model);
}

Status Daemon::Restart(const std::string& model) {
  if (const Status allowed = RefuseWhileDraining(); !allowed) return allowed;
  return fleet_.Restart(model);
}

asio::awaitable<bool> Daemon::Settled(std::string model, TimePoint deadline) {
  return fleet_.Settled(std::move(model), deadline);
}

std::vector<launch::LogLine> Daemon::LogTail(const std::string& model, std::size_t lines) const {
  return logs_.Tail(model, lines);
}

std::vector<launch::LogLine> Daemon::LogSince(const std::string& model, std::uint64_t seq) const {
  return logs_.Since(model, seq);
}

std::vector<std::string> Daemon::LogOfPreviousRun(const std::string& model, int replica) const {
  return logs_.PreviousRun(model, replica);
}

std::uint64_t Daemon::SubscribeLogs(const std::string& model, std::function<void()> wake) {
  return logs_.Subscribe(model, std::move(wake));
}

void Daemon::AskToStop(const std::string& who) {
  ++stops_asked_;
  asked_.cancel();
  if (stops_asked_ > 2) return;
  events_.Add("daemon", "", -1,
              stops_asked_ == 1 ? who + " ends the daemon: draining, at most " +
                                      FormatDuration(checked_.plan.server.drain) + " for " +
                                      std::to_string(RequestsOpen()) + " open requests"
                                : who + " ends the daemon at once");
}

asio::awaitable<void> Daemon::WatchSignals() {
  while (true) {
    const int number = co_await signals_.async_wait(asio::use_awaitable);
    if (number == SIGHUP && !at_terminal_) {
      events_.Add("daemon", "", -1, "SIGHUP is ignored: the plan is read at the start only; restart berthd to apply a change");
    } else {
      AskToStop(number == SIGTERM ? "SIGTERM" : number == SIGINT ? "SIGINT" : "the end of its terminal");
    }
  }
}

asio::awaitable<void> Daemon::MeasureLag() {
  prometheus::Histogram& lag = metrics_.Histogram("event_loop_lag_seconds", {});
  while (true) {
    const TimePoint due = Clock::now() + kLagPeriod;
    co_await SleepUntil(due);
    lag.Observe(std::chrono::duration<double>(Clock::now() - due).count());
  }
}

asio::awaitable<void> Daemon::WatchGpus() {
  while (true) {
    gpu_watch_->Look(fleet_.Describe(), Clock::now());
    co_await SleepFor(kGpuPeriod);
  }
}

asio::awaitable<void> Daemon::EndWhenAsked() {
  boost::system::error_code ignored;
  while (stops_asked_ == 0) co_await asked_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  NotifySystemd("STOPPING=1");
  proxy_.BeginDrain();
  const TimePoint deadline = Clock::now() + checked_.plan.server.drain;
  while (proxy_.requests_open() > 0 && Clock::now() < deadline && stops_asked_ == 1) co_await SleepFor(kDrainPeriod);
  co_await EndFleet();
  // With its workers gone nothing can be relayed any more: joining the io threads takes no time.
  proxy_.Stop();
  const std::string stuck = Stuck();
  const std::string message = stuck.empty() ? "berthd ends: all workers are gone"
                                            : "berthd ends, but the kernel has not let go of " + stuck +
                                                  ", killed: see what it waits for in /proc/PID/wchan";
  events_.Add("daemon", "", -1, message);
  co_await admin_.Stop(kAdminGrace);
  background_.Cancel();
  co_await background_.Join();
}

asio::awaitable<void> Daemon::EndFleet() {
  background_.Spawn("hurry", HurryFleet());
  co_await fleet_.Shutdown(LongestGrace(checked_.plan) + kAfterGrace);
}

// A second request to stop shortens the shutdown that is under way.
asio::awaitable<void> Daemon::HurryFleet() {
  boost::system::error_code ignored;
  while (stops_asked_ < 2) co_await asked_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  co_await fleet_.Shutdown(Duration::zero());
}

Exit Fail(const Refused& refused) {
  // Mistakes in a plan begin their lines with its name, as editors expect.
  const char* prefix = refused.exit == Exit::kBadPlan ? "" : "berthd: ";
  std::fprintf(stderr, "%s%s\n", prefix, refused.message.c_str());
  return refused.exit;
}

Exit Serve(const Options& options, CheckedPlan checked, std::filesystem::path worker) {
  RaiseLimits();
  const config::Server& server = checked.plan.server;
  auto runtime = launch::RuntimeDir::Open(server.admin.parent_path(), server.admin.filename());
  if (!runtime) return Fail(RefusedBy(runtime.error()));
  if (const Status made = MakeLogDir(LogDir(checked.plan)); !made) return Fail(RefusedBy(made.error()));
  Daemon daemon(options, std::move(checked), std::move(worker), *std::move(runtime));
  if (const Status bound = daemon.Listen(); !bound) return Fail(RefusedBy(bound.error()));
  return daemon.Run();
}

}  // namespace

Exit RunDaemon(const Options& options) {
  auto checked = CheckPlan(options.plan, options.nvml);
  if (!checked) return Fail(checked.error());
  const auto warnings = placement::BudgetWarnings(checked->plan, checked->estimates);
  for (const std::string& warning : warnings) LogWarning(options.plan.string() + ": " + warning);
  if (options.check) {
    std::fputs(Format(checked->plan, checked->placement, checked->estimates).c_str(), stdout);
    return Exit::kOk;
  }
  auto worker = FindWorker(options.worker);
  if (!worker) return Fail(worker.error());
  return Serve(options, *std::move(checked), *std::move(worker));
}

}  // namespace berth::admin
