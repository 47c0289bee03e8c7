#include "supervisor/launch/replica.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "supervisor/base/log.h"
#include "supervisor/launch/worker_environment.h"
#include "supervisor/launch/worker_stats.h"

namespace asio = boost::asio;

namespace berth::launch {

Replica::Replica(Yard& yard, const placement::Assignment& assignment, std::uint64_t seed)
    : yard_(yard),
      assignment_(assignment),
      place_(yard.gpus, assignment_),
      metrics_(yard.metrics, assignment_.model, assignment_.replica, assignment_.devices),
      life_(yard.schedule.Add(assignment, seed, yard.options.gone_limit, *this, Clock::now())),
      since_(TimestampNow()),
      wake_(yard.executor) {}

Replica::~Replica() = default;

// ---- the coroutine

asio::awaitable<void> Replica::Run() {
  for (;;) {
    while (!notices_.empty()) {
      Notice notice = std::move(notices_.front());
      notices_.pop_front();
      co_await Handle(std::move(notice));
    }
    const TimePoint now = Clock::now();
    looked_ = true;
    if (life_.Look(now) || !notices_.empty()) continue;
    if (run_ && now >= run_->next_sample) Sample(now);
    if (quit_ && (!life_.has_process() || life_.state() == State::kStuck)) co_return;
    if (!looked_) continue;  // something changed while it looked
    wake_.expires_at(NextLook());
    boost::system::error_code cancelled;
    co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

void Replica::Add(Notice notice) {
  notices_.push_back(std::move(notice));
  wake_.cancel();
}

void Replica::Poke() {
  if (life_.state() != State::kWaiting) return;
  looked_ = false;
  wake_.cancel();
}

void Replica::Quit() {
  quit_ = true;
  wake_.cancel();
}

asio::awaitable<void> Replica::Handle(Notice notice) {
  if (const auto* message = std::get_if<protocol::FromWorker>(&notice)) On(*message);
  if (const auto* breach = std::get_if<Breach>(&notice)) life_.OnBreach(breach->reason, Clock::now());
  if (const auto* ended = std::get_if<Ended>(&notice)) {
    co_await run_->process->Join();
    WaitStatus status = ended->status;
    bool oom_killed = OomKills() > run_->oom_kills_before;
    if (run_->group) {  // which counts its own alone
      const Cgroup::OomKills kills = run_->group->ReadOomKills();
      oom_killed = kills.any;
      status.at_cgroup_limit = kills.own_limit;
    }
    life_.OnEnd(status, oom_killed, Clock::now());
  }
}

void Replica::On(const protocol::FromWorker& message) {
  life_.On(message, Clock::now());
  const auto* hello = std::get_if<protocol::HelloMessage>(&message);
  if (hello != nullptr && run_) metrics_.Hello(run_->process->pid(), hello->build);
  const auto* beat = std::get_if<protocol::BeatMessage>(&message);
  if (beat != nullptr && run_) metrics_.Beat(*beat);
}

TimePoint Replica::NextLook() const {
  const TimePoint next = life_.NextLook(Clock::now());
  return run_ ? std::min(next, run_->next_sample) : next;
}

// Reads /proc, so not at each of the worker's messages.
void Replica::Sample(TimePoint now) {
  run_->next_sample = now + Vitals::kCheckEvery;
  run_->oom_kills_before = std::exchange(run_->oom_kills_now, OomKills());
  place_.Look();
  const auto stats = ReadWorkerStats(run_->process->pid());
  if (!stats) return;
  metrics_.Look(life_.vitals(), now, *stats);
  if (kFencesMemory && !place_.on_gpu()) life_.OnPrivateMemory(stats->private_memory, now);
}

// ---- what the life has done

std::optional<protocol::LlmSettings> Replica::LlmSettings() const {
  const config::Model& model = life_.model();
  if (model.kind != config::Kind::kLlm) return std::nullopt;
  const config::Llm& llm = model.llm;
  return protocol::LlmSettings{.dtype = std::string(config::Name(llm.dtype)),
                               .context = llm.context,
                               .max_sequences = llm.max_sequences,
                               .prefix_cache = llm.prefix_cache,
                               .generation_defaults = std::string(config::Name(llm.generation_defaults)),
                               .chat_template = llm.chat_template.string()};
}

WorkerSettings Replica::Settings() {
  const config::Model& model = life_.model();
  protocol::StartMessage start;
  start.name = model.name;
  start.replica = assignment_.replica;
  start.kind = std::string(config::Name(model.kind));
  start.source = model.source.string();
  start.devices = assignment_.devices;
  start.budget_bytes = assignment_.memory.count;
  start.threads = assignment_.threads;
  start.batch_max_tokens = model.batching.max_tokens;
  start.batch_max_delay_us = model.batching.max_delay.count();
  start.matryoshka = model.matryoshka;
  start.max_body_bytes = model.kind == config::Kind::kSpeech ? yard_.max_upload_bytes : yard_.max_body_bytes;
  start.llm = LlmSettings();
  const std::string socket = std::to_string(++yard_.processes_started) + ".sock";
  return {yard_.options.worker, yard_.options.runtime_dir / socket,
          WorkerEnvironment(yard_.own_environment, yard_.cpu_flags, assignment_.threads, place_.uuids()),
          std::move(start)};
}

// A worker that is not in a group of its own runs without the third ring, and says so.
std::unique_ptr<Cgroup> Replica::MakeGroup() {
  if (yard_.options.cgroups == nullptr || !yard_.options.cgroups->on() || place_.on_gpu()) return nullptr;  // a GPU's budget is not host memory
  const Bytes limit = CgroupLimit(assignment_.memory, life_.model().source);
  auto group = yard_.options.cgroups->Make(yard_.processes_started, limit);
  const Status added = !group ? Status(group.error()) : *group ? (*group)->Add(run_->process->pid()) : Ok();
  if (added) return std::move(*group);
  LogWarning(life_.who() + " runs without memory.max: " + added.error().message);
  return nullptr;
}

Status Replica::Spawn() {
  ++incarnation_;
  place_.Begins();
  auto notify = [this](Notice notice) { Add(std::move(notice)); };
  auto process = WorkerProcess::Launch(yard_.executor, yard_.spawner, yard_.logs, Settings(), std::move(notify));
  if (!process) return process.error();
  run_.emplace(std::move(*process));
  run_->group = MakeGroup();
  place_.Runs(run_->process->pid());
  run_->oom_kills_before = run_->oom_kills_now = OomKills();
  metrics_.Started();
  return Ok();
}

void Replica::Open(const protocol::ReadyMessage& ready) {
  capabilities_ = ready.capabilities;
  place_.Loaded(Clock::now());
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->model = assignment_.model;
  endpoint->replica = assignment_.replica;
  endpoint->incarnation = incarnation_;
  endpoint->socket = run_->process->TakeSocket();
  endpoint->socket_path = ListenSocket::ConnectPath(endpoint->socket);
  endpoint->window = std::clamp(ready.window, 1, WorkerProcess::kMaxWindow);
  endpoint->capabilities = ready.capabilities;
  endpoint->claims = run_->process->TakeClaims();
  run_->endpoint = endpoint;
  metrics_.Up(true);
  yard_.sink.Up(std::move(endpoint));
}

std::uint64_t Replica::Fence(const protocol::MemoryReport& after_warm_up) {
  if (place_.on_gpu()) return 0;  // its budget is of the GPU's memory, and CUDA maps far more than it uses
  return FenceData(run_->process->pid(), after_warm_up.vm_data, after_warm_up.rss_anon, assignment_.memory.count);
}

void Replica::Close() {
  metrics_.Up(false);
  yard_.sink.Closing(run_->endpoint);
}

bool Replica::AskToEnd(Duration within) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(within);
  return run_->process->Send(protocol::DrainMessage{left.count()});
}

void Replica::Kill() { run_->process->Kill(); }

void Replica::Reaped() {
  const std::shared_ptr<Endpoint> endpoint = run_->endpoint;
  run_.reset();
  place_.Reaped(Clock::now());
  if (endpoint) yard_.sink.Down(endpoint);
  yard_.process_gone();
}

bool Replica::HasWork() {
  const Endpoint& endpoint = *run_->endpoint;
  const bool begun = endpoint.in_flight.load() > 0 && endpoint.claims->AnyBegun();
  return begun || endpoint.awaiting.load() > 0;
}

// ---- what the life says of itself

void Replica::Entered() {
  since_ = TimestampNow();
  yard_.events.Add("state", assignment_.model, assignment_.replica,
                   std::string(Name(life_.state())) + ": " + life_.reason());
}

void Replica::HeldBack() { yard_.events.Add("held_back", assignment_.model, assignment_.replica, life_.reason()); }

void Replica::Changed() {
  looked_ = false;
  wake_.cancel();
  yard_.changed(assignment_.model);
}

void Replica::Exited(const Verdict& verdict) {
  if (run_) {  // else it could not be started
    metrics_.Exited(verdict.exit.cause);
    yard_.logs.EndRun(assignment_.model, assignment_.replica);
  }
  last_exit_ = verdict.exit;
  last_exit_->time = TimestampNow();
  last_run_failed_ = !verdict.expected;
  yard_.events.Add("exit", assignment_.model, assignment_.replica,
                   std::string(Name(verdict.exit.cause)) + ": " + verdict.exit.reason);
}

// ---- what others ask

ReplicaStatus Replica::Describe(TimePoint now) const {
  ReplicaStatus status;
  status.replica = assignment_.replica;
  status.state = life_.state();
  status.reason = life_.reason();
  status.since = since_;
  status.seconds_in_state = std::chrono::duration<double>(now - life_.entered()).count();
  status.incarnation = incarnation_;
  status.devices = assignment_.devices;
  status.estimate = life_.model().estimate;
  status.failures_in_window = life_.failures_in_window(now);
  status.last_exit = last_exit_;
  if (last_run_failed_) status.last_lines = yard_.logs.PreviousRun(assignment_.model, assignment_.replica);
  if (life_.has_place()) status.memory = assignment_.memory;
  if (!life_.has_process()) return status;
  status.pid = run_ ? run_->process->pid() : 0;
  status.measured = Bytes{life_.memory().rss_anon};
  status.measured_peak = Bytes{life_.memory().private_peak};
  status.counted_peak = Bytes{life_.memory().counted_peak};
  status.weights = Bytes{life_.memory().weights};
  status.weights_mapped = Bytes{life_.memory().weights_mapped};
  status.stage = life_.state() == State::kLoading ? life_.vitals().stage() : "";
  status.fraction = life_.vitals().fraction();
  status.steps = life_.vitals().steps();
  if (const auto age = life_.vitals().BeatAge(now)) {
    status.beat_age_seconds = std::chrono::duration<double>(*age).count();
  }
  if (!run_ || !run_->endpoint) return status;
  status.in_flight = run_->endpoint->in_flight.load();
  status.window = run_->endpoint->window;
  return status;
}

}  // namespace berth::launch
