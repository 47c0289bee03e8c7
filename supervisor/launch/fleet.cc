#include "supervisor/launch/fleet.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "supervisor/base/deadline.h"
#include "supervisor/base/task_group.h"
#include "supervisor/launch/fleet_metrics.h"
#include "supervisor/launch/replica.h"
#include "supervisor/launch/schedule.h"
#include "supervisor/launch/spawner.h"
#include "supervisor/launch/worker_environment.h"

namespace asio = boost::asio;

namespace berth::launch {
namespace {

// Orphans of living workers that end by themselves are reaped this often.
constexpr Duration kSweepEvery = std::chrono::seconds(1);
// After a worker's end its orphans may leave orphans in turn.
constexpr Duration kSweepAgain = std::chrono::milliseconds(20);
constexpr int kSweepsInARow = 50;  // then no faster than kSweepEvery: the kernel may not let one go

}  // namespace

class Fleet::Body {
 public:
  Body(asio::any_io_executor executor, const config::Plan& plan, const placement::Placement& placement,
       FleetOptions options, EndpointSink& sink, observe::Events& events, observe::Metrics& metrics);

  void Changed(const std::string& model);

  asio::awaitable<bool> Settled(std::string model, TimePoint deadline);
  asio::awaitable<void> Shutdown(Duration limit);
  ModelStatus Describe(const config::Model& model) const;

  const config::Plan& plan_;
  const FleetOptions options_;
  EndpointSink& sink_;
  observe::Metrics& metrics_;
  std::unique_ptr<Spawner> own_spawner_;
  Spawner& spawner_;
  Schedule schedule_;
  Logs logs_;

 private:
  Yard MakeYard(asio::any_io_executor executor, observe::Events& events);
  asio::awaitable<void> Sweep();
  asio::awaitable<void> UntilChange(TimePoint deadline);

  const std::vector<std::string> own_environment_ = OwnEnvironment();
  const std::string cpu_flags_ = CpuFlags();
  std::uint64_t processes_started_ = 0;
  Gpus gpus_;
  asio::any_io_executor executor_;
  Yard yard_;
  std::vector<std::unique_ptr<Replica>> replicas_;  // in the order in which they load
  std::vector<asio::steady_timer*> waiting_for_change_;
  asio::steady_timer sweep_wake_;
  bool sweep_now_ = false;
  bool swept_out_ = false;      // the sweeper is to end
  TaskGroup replica_tasks_;
  TaskGroup own_tasks_;
};

Fleet::Body::Body(asio::any_io_executor executor, const config::Plan& plan, const placement::Placement& placement,
                  FleetOptions options, EndpointSink& sink, observe::Events& events, observe::Metrics& metrics)
    : plan_(plan),
      options_(std::move(options)),
      sink_(sink),
      metrics_(metrics),
      own_spawner_(options_.spawner ? nullptr : MakeSpawner()),
      spawner_(options_.spawner ? *options_.spawner : *own_spawner_),
      schedule_(plan),
      logs_(executor, options_.log_dir, plan.server.logs, metrics),
      gpus_(options_.gpus, schedule_.ledger().reservations()),
      executor_(executor),
      yard_(MakeYard(executor, events)),
      sweep_wake_(executor),
      replica_tasks_(executor),
      own_tasks_(executor) {
  for (const placement::Assignment& assignment : placement.assignments) {
    const std::uint64_t seed = options_.seed + replicas_.size();
    replicas_.push_back(std::make_unique<Replica>(yard_, assignment, seed));
  }
  for (const auto& replica : replicas_) replica_tasks_.Spawn("replica", replica->Run());
  own_tasks_.Spawn("orphan sweeper", Sweep());
  for (const config::Model& model : plan_.models) Changed(model.name);
}

Yard Fleet::Body::MakeYard(asio::any_io_executor executor, observe::Events& events) {
  return {executor,
          options_,
          own_environment_,
          cpu_flags_,
          plan_.server.max_body.count,
          plan_.server.max_upload.count,
          spawner_,
          schedule_,
          gpus_,
          logs_,
          sink_,
          events,
          metrics_,
          processes_started_,
          [this](const std::string& model) { Changed(model); },
          [this] {
            sweep_now_ = true;
            sweep_wake_.cancel();
          }};
}

// Everything that depends on a replica's state hears of its change here.
void Fleet::Body::Changed(const std::string& model) {
  const TimePoint now = Clock::now();
  ReportModel(metrics_, model, schedule_.Summaries(model, now));
  ReportLedger(metrics_, plan_, schedule_.ledger());
  sink_.Condition(model, schedule_.ConditionOf(model, now));
  for (const auto& replica : replicas_) replica->Poke();
  for (asio::steady_timer* timer : waiting_for_change_) timer->cancel();
}

asio::awaitable<void> Fleet::Body::Sweep() {
  int in_a_row = 0;
  while (!swept_out_) {
    const bool thorough = std::exchange(sweep_now_, false);
    const bool found = spawner_.SweepOrphans(thorough);
    in_a_row = found ? in_a_row + 1 : 0;
    if (thorough && found) sweep_now_ = true;  // those may leave orphans in turn
    sweep_wake_.expires_after(sweep_now_ && in_a_row < kSweepsInARow ? kSweepAgain : kSweepEvery);
    boost::system::error_code cancelled;
    co_await sweep_wake_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
  // What the last workers left.
  for (int i = 0; i < kSweepsInARow && spawner_.SweepOrphans(true); ++i) co_await SleepFor(kSweepAgain);
}

// Returns after the next change, or at the deadline.
asio::awaitable<void> Fleet::Body::UntilChange(TimePoint deadline) {
  asio::steady_timer timer(executor_, deadline);
  waiting_for_change_.push_back(&timer);
  boost::system::error_code cancelled;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  std::erase(waiting_for_change_, &timer);
}

asio::awaitable<bool> Fleet::Body::Settled(std::string model, TimePoint deadline) {
  for (;;) {
    const std::vector<Life*> lives = schedule_.Of(model);
    if (std::ranges::none_of(lives, &Life::on_its_way)) co_return true;
    if (Clock::now() >= deadline) co_return false;
    co_await UntilChange(deadline);
  }
}

asio::awaitable<void> Fleet::Body::Shutdown(Duration limit) {
  const bool second = schedule_.ending();
  const TimePoint deadline = Clock::now() + limit;
  schedule_.End(deadline, Clock::now());
  for (const config::Model& model : plan_.models) Changed(model.name);
  if (!second) {
    while (!schedule_.all_told()) {
      co_await UntilChange(schedule_.deadline());
      schedule_.Look(Clock::now());
    }
    for (const auto& replica : replicas_) replica->Quit();
  }
  co_await replica_tasks_.Join();
  swept_out_ = true;
  sweep_wake_.cancel();
  co_await own_tasks_.Join();
}

ModelStatus Fleet::Body::Describe(const config::Model& model) const {
  const TimePoint now = Clock::now();
  ModelStatus status;
  status.name = model.name;
  status.kind = model.kind;
  status.aliases = model.aliases;
  status.required = model.required;
  for (const auto& replica : replicas_) {
    if (&replica->life().model() != &model) continue;
    status.wave = replica->life().assignment().wave;
    if (auto capabilities = replica->capabilities()) status.capabilities = std::move(capabilities);
    status.replicas.push_back(replica->Describe(now));
  }
  const std::vector<ReplicaSummary> summaries = schedule_.Summaries(model.name, now);
  status.state = Best(summaries).state;
  status.reason = Best(summaries).reason;
  return status;
}

// ---- the public face

Fleet::Fleet(asio::any_io_executor executor, const config::Plan& plan, const placement::Placement& placement,
             FleetOptions options, EndpointSink& sink, observe::Events& events, observe::Metrics& metrics)
    : body_(std::make_unique<Body>(executor, plan, placement, std::move(options), sink, events, metrics)) {}

Fleet::~Fleet() = default;

void Fleet::Boot() { body_->schedule_.Boot(Clock::now()); }
Status Fleet::Start(const std::string& model) { return body_->schedule_.Start(model, Clock::now()); }
Status Fleet::Stop(const std::string& model) { return body_->schedule_.Stop(model, Clock::now()); }
void Fleet::Demand(const std::string& model) { body_->schedule_.Demand(model, Clock::now()); }
Status Fleet::Restart(const std::string& model) { return body_->schedule_.Restart(model, Clock::now()); }

asio::awaitable<bool> Fleet::Settled(std::string model, TimePoint deadline) {
  return body_->Settled(std::move(model), deadline);
}

asio::awaitable<void> Fleet::Shutdown(Duration limit) { return body_->Shutdown(limit); }

std::vector<ModelStatus> Fleet::Describe() const {
  std::vector<ModelStatus> all;
  for (const config::Model& model : body_->plan_.models) all.push_back(body_->Describe(model));
  return all;
}

std::optional<ModelStatus> Fleet::Describe(const std::string& model) const {
  const config::Model* found = config::FindModel(body_->plan_, model);
  if (found == nullptr) return {};
  return body_->Describe(*found);
}

const placement::Ledger& Fleet::ledger() const { return body_->schedule_.ledger(); }

Logs& Fleet::logs() { return body_->logs_; }

bool Fleet::Ready(std::vector<std::string>* reasons) const {
  bool ready = true;
  for (const ModelStatus& model : Describe()) {
    if (!model.required || model.state == State::kReady) continue;
    ready = false;
    if (reasons != nullptr) {
      reasons->push_back(model.name + " is " + std::string(Name(model.state)) + ": " + model.reason);
    }
  }
  return ready;
}

}  // namespace berth::launch
