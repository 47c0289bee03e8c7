#include "supervisor/launch/replica.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cmath>
#include <utility>

#include "supervisor/base/log.h"
#include "supervisor/launch/worker_environment.h"
#include "supervisor/launch/worker_stats.h"

namespace asio = boost::asio;

namespace berth::launch {
namespace {

using std::chrono::seconds;

// From a worker's last word, or its `drained`, to its exit.
constexpr Duration kExitDeadline = seconds(5);
// While waiting, changes elsewhere wake the replica; this is for what nobody announces.
constexpr Duration kLookAtTurnEvery = seconds(5);
}  // namespace

Replica::Replica(Yard& yard, const config::Model& model, placement::Assignment assignment, std::uint64_t seed)
    : yard_(yard),
      model_(model),
      assignment_(std::move(assignment)),
      who_(assignment_.model + "/" + std::to_string(assignment_.replica)),
      policy_(model.restart, seed),
      metrics_(yard.metrics, assignment_.model, assignment_.replica, assignment_.device),
      reason_("not started yet"),
      since_(TimestampNow()),
      entered_(Clock::now()),
      wake_(yard.executor) {}

Replica::~Replica() = default;

// ---- what others post

void Replica::Add(Post post) {
  posts_.push_back(std::move(post));
  wake_.cancel();
}

void Replica::Start(bool at_boot) {
  boot_turn_ = at_boot;
  Add(Event{EventKind::kStart, at_boot ? "the plan starts it at boot" : ""});
}

void Replica::Stop() {
  boot_turn_ = false;
  Add(Event{EventKind::kStop, {}});
}

void Replica::Restart() { Add(Event{EventKind::kRestart, {}}); }

void Replica::Poke() {
  if (state_ == State::kWaiting) wake_.cancel();
}

void Replica::Hurry(TimePoint latest) {
  hurry_ = hurry_ ? std::min(*hurry_, latest) : latest;
  if (run_ && run_->kill_at) KillBy(latest);
  wake_.cancel();
}

void Replica::Quit() {
  quit_ = true;
  wake_.cancel();
}

// ---- the coroutine

asio::awaitable<void> Replica::Run() {
  for (;;) {
    while (!posts_.empty()) {
      Post post = std::move(posts_.front());
      posts_.pop_front();
      co_await Handle(std::move(post));
    }
    if (Look(Clock::now()) || !posts_.empty()) continue;
    if (quit_ && (!run_ || state_ == State::kStuck)) co_return;
    wake_.expires_at(NextLook());
    boost::system::error_code cancelled;
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

asio::awaitable<void> Replica::Handle(Post post) {
  if (const auto* event = std::get_if<Event>(&post)) {
    Apply(*event);
    co_return;
  }
  const Notice& notice = std::get<Notice>(post);
  if (const auto* message = std::get_if<protocol::FromWorker>(&notice)) On(*message);
  if (const auto* breach = std::get_if<Breach>(&notice)) Misbehaved(ExitCause::kProtocol, breach->reason);
  if (const auto* ended = std::get_if<Ended>(&notice)) {
    co_await run_->process->Join();
    OnEnd(ended->status);
  }
}

TimePoint Replica::NextLook() const {
  const TimePoint now = Clock::now();
  if (state_ == State::kWaiting) return now + kLookAtTurnEvery;
  if (state_ == State::kBackoff) return start_again_at_.value_or(now);
  if (!run_) return TimePoint::max();
  TimePoint next = now + Vitals::kCheckEvery;
  if (run_->kill_at && !run_->killed_at) next = std::min(next, *run_->kill_at);
  if (run_->killed_at && state_ == State::kStopping) next = std::min(next, *run_->killed_at + yard_.options.reap_limit);
  return next;
}

bool Replica::Look(TimePoint now) {
  if (state_ == State::kWaiting) return LookAtTurn();
  if (state_ == State::kBackoff && start_again_at_ && now >= *start_again_at_) {
    return Apply({EventKind::kBackoffOver, {}});
  }
  return run_ && run_->process && LookAtProcess(now);
}

bool Replica::LookAtTurn() {
  const auto blocked = [this](std::string reason, bool hopeless) {
    const bool news = hopeless != hopeless_;
    hopeless_ = hopeless;
    if (news && reason == reason_) yard_.changed(model_.name);
    SetReason(std::move(reason));
    return false;
  };
  Turn turn = yard_.turn(*this);
  if (!turn.obstacle.empty()) return blocked(std::move(turn.obstacle), turn.hopeless);
  const std::string& device = assignment_.device;
  if (const std::string loading = yard_.slots.Holder(device); !loading.empty()) {
    return blocked("waits for " + loading + ", which loads on " + device, false);
  }
  if (auto status = yard_.ledger.Reserve(device, model_.name, assignment_.replica, assignment_.memory); !status) {
    return blocked(status.error().message, true);
  }
  hopeless_ = false;
  yard_.slots.Take(device, who_);
  return Apply({EventKind::kGranted, {}});
}

std::optional<Trouble> Replica::FindTrouble(TimePoint now) {
  if (state_ == State::kStarting || state_ == State::kLoading) return run_->vitals.CheckLoad(now);
  if (state_ != State::kReady) return {};
  const Endpoint& endpoint = *run_->endpoint;
  const bool begun = endpoint.in_flight.load() > 0 && endpoint.claims->AnyBegun();
  return run_->vitals.CheckHealth(now, begun || endpoint.awaiting.load() > 0);
}

bool Replica::LookAtProcess(TimePoint now) {
  if (auto trouble = FindTrouble(now)) {
    Misbehaved(trouble->cause, std::move(trouble->reason));
    return true;
  }
  if (run_->killed_at) {
    const bool stuck = state_ == State::kStopping && now - *run_->killed_at >= yard_.options.reap_limit;
    return stuck && Apply({EventKind::kUnreaped, {}});
  }
  if (run_->kill_at && now >= *run_->kill_at) return Apply({EventKind::kOutOfTime, {}});
  if (now >= run_->next_sample) Sample(now);
  return false;
}

// Reads /proc, so not at each of the worker's messages.
void Replica::Sample(TimePoint now) {
  run_->next_sample = now + Vitals::kCheckEvery;
  run_->oom_kills_before = std::exchange(run_->oom_kills_now, OomKills());
  if (const auto stats = ReadWorkerStats(run_->process->pid())) metrics_.Look(run_->vitals, now, *stats);
}

// ---- decisions and their actions

bool Replica::Apply(const Event& event) {
  Transition next = Step({state_, wanted_}, event);
  const bool changed_mind = std::exchange(wanted_, next.wanted) != next.wanted;
  if (next.breach && run_ && !run_->killed) run_->killed = Killed{ExitCause::kProtocol, next.reason};
  if (next.state == state_ && next.actions == 0) {
    if (!next.reason.empty()) SetReason(std::move(next.reason));
    if (changed_mind) yard_.changed(model_.name);
    return false;
  }
  if (state_ == State::kBackoff) metrics_.Backoff(Duration::zero());
  state_ = next.state;
  reason_ = std::move(next.reason);
  since_ = TimestampNow();
  entered_ = Clock::now();
  hopeless_ = false;
  yard_.events.Add("state", model_.name, assignment_.replica, std::string(Name(state_)) + ": " + reason_);
  Act(next.actions);
  yard_.changed(model_.name);
  return true;
}

void Replica::SetReason(std::string reason) {
  if (reason == reason_) return;
  reason_ = std::move(reason);
  yard_.changed(model_.name);
}

void Replica::Act(unsigned actions) {
  if (actions & kForgive) policy_.Forgive();
  if (actions & kSpawn) Spawn();
  if (actions & kOpen) Open();
  if (actions & kClose) Close();
  if (actions & kAskToEnd) AskToEnd();
  if (actions & kAwaitEnd) KillBy(Clock::now() + kExitDeadline);
  if (actions & kKill) KillProcess();
  if (actions & kRelease) Release();
  if (actions & kYield) yard_.slots.Release(assignment_.device, who_);
}

WorkerSettings Replica::Settings() {
  protocol::StartMessage start;
  start.name = model_.name;
  start.replica = assignment_.replica;
  start.kind = std::string(config::Name(model_.kind));
  start.source = model_.source.string();
  start.device = assignment_.device;
  start.budget_bytes = assignment_.memory.count;
  start.threads = assignment_.threads;
  start.batch_max_tokens = model_.batching.max_tokens;
  start.batch_max_delay_us = model_.batching.max_delay.count();
  start.matryoshka = model_.matryoshka;
  start.max_body_bytes = yard_.max_body_bytes;
  const std::string socket = std::to_string(++yard_.processes_started) + ".sock";
  return {yard_.options.worker, yard_.options.runtime_dir / socket,
          WorkerEnvironment(yard_.own_environment, yard_.cpu_flags, assignment_.threads), std::move(start)};
}

void Replica::Spawn() {
  ++incarnation_;
  run_.emplace(Vitals::Limits{model_.load_stall, model_.health_stall}, Clock::now());
  run_->oom_kills_before = run_->oom_kills_now = OomKills();
  start_again_at_.reset();
  auto notify = [this](Notice notice) { Add(std::move(notice)); };
  auto process = WorkerProcess::Launch(yard_.executor, yard_.spawner, yard_.logs, Settings(), std::move(notify));
  if (process) {
    run_->process = std::move(*process);
    metrics_.Started();
    return;
  }
  metrics_.LoadEnded(false);
  Verdict verdict;
  verdict.exit.cause = ExitCause::kLoadFailed;
  verdict.exit.reason = process.error().message;
  Add(Conclude(verdict, Duration::zero()));
}

void Replica::Open() {
  const TimePoint now = Clock::now();
  run_->ready_since = now;
  boot_turn_ = false;
  capabilities_ = run_->ready.capabilities;
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->model = model_.name;
  endpoint->replica = assignment_.replica;
  endpoint->incarnation = incarnation_;
  endpoint->socket = run_->process->TakeSocket();
  endpoint->socket_path = ListenSocket::ConnectPath(endpoint->socket);
  endpoint->window = std::clamp(run_->ready.window, 1, WorkerProcess::kMaxWindow);
  endpoint->capabilities = run_->ready.capabilities;
  endpoint->claims = run_->process->TakeClaims();
  run_->endpoint = endpoint;
  const protocol::MemoryReport& memory = run_->ready.memory;
  run_->data_limit = FenceData(run_->process->pid(), memory.vm_data, memory.rss_anon, assignment_.memory.count);
  yard_.slots.Release(assignment_.device, who_);
  metrics_.LoadEnded(true);
  metrics_.Up(true);
  yard_.sink.Up(std::move(endpoint));
}

void Replica::Close() {
  if (!run_ || !run_->endpoint || std::exchange(run_->closed, true)) return;
  metrics_.Up(false);
  yard_.sink.Closing(run_->endpoint);
}

void Replica::KillBy(TimePoint latest) {
  if (run_) run_->kill_at = run_->kill_at ? std::min(*run_->kill_at, latest) : latest;
}

void Replica::AskToEnd() {
  const TimePoint now = Clock::now();
  const TimePoint latest = hurry_ ? std::min(*hurry_, now + model_.stop_grace) : now + model_.stop_grace;
  run_->asked_to_end = true;
  const auto left = std::max(std::chrono::duration_cast<std::chrono::milliseconds>(latest - now), {});
  const bool heard = run_->process->Send(protocol::DrainMessage{left.count()});
  KillBy(heard ? latest : now);
}

void Replica::KillProcess() {
  if (!run_) return;
  if (!run_->killed) run_->killed = Killed{ExitCause::kRequested, reason_};
  if (!run_->killed_at) run_->killed_at = Clock::now();
  if (run_->process) run_->process->Kill();
}

void Replica::Release() {
  const std::shared_ptr<Endpoint> endpoint = run_ ? run_->endpoint : nullptr;
  run_.reset();
  boot_turn_ = false;
  yard_.ledger.Release(model_.name, assignment_.replica);
  yard_.slots.Release(assignment_.device, who_);
  if (endpoint) yard_.sink.Down(endpoint);
  yard_.process_gone();
}

// ---- what others ask

bool Replica::on_its_way() const {
  if (!posts_.empty()) return true;
  switch (state_) {
    case State::kWaiting:
    case State::kStarting:
    case State::kLoading:
    case State::kDraining:
    case State::kStopping:
    case State::kBackoff: return true;
    default: return false;
  }
}

TurnView Replica::turn_view() const { return {model_.name, assignment_.wave, state_, boot_turn_, hopeless_}; }

std::chrono::seconds Replica::retry_after(TimePoint now) const {
  if (state_ == State::kBackoff && start_again_at_) {
    return std::max(seconds(1), std::chrono::ceil<seconds>(*start_again_at_ - now));
  }
  if (state_ == State::kLoading && run_ && run_->vitals.fraction() > 0.05) {
    const double fraction = run_->vitals.fraction();
    const double left = std::chrono::duration<double>(now - entered_).count() * (1 - fraction) / fraction;
    return seconds(std::clamp(static_cast<int>(std::ceil(left)), 1, 60));
  }
  return seconds(on_its_way() ? 1 : 30);
}

ReplicaStatus Replica::Describe(TimePoint now) const {
  ReplicaStatus status;
  status.replica = assignment_.replica;
  status.state = state_;
  status.reason = reason_;
  status.since = since_;
  status.seconds_in_state = std::chrono::duration<double>(now - entered_).count();
  status.incarnation = incarnation_;
  status.device = assignment_.device;
  status.failures_in_window = policy_.FailuresInWindow(now);
  status.last_exit = last_exit_;
  if (last_run_failed_) status.last_lines = yard_.logs.PreviousRun(model_.name, assignment_.replica);
  if (!run_) return status;
  status.pid = run_->process ? run_->process->pid() : 0;
  status.memory = assignment_.memory;
  status.measured = Bytes{run_->memory.rss_anon};
  status.measured_peak = Bytes{run_->memory.peak_rss};
  status.stage = state_ == State::kLoading ? run_->vitals.stage() : "";
  status.fraction = run_->vitals.fraction();
  status.steps = run_->vitals.steps();
  if (const auto age = run_->vitals.BeatAge(now)) {
    status.beat_age_seconds = std::chrono::duration<double>(*age).count();
  }
  if (!run_->endpoint) return status;
  status.in_flight = run_->endpoint->in_flight.load();
  status.window = run_->endpoint->window;
  return status;
}

}  // namespace berth::launch
