#include "worker/generation/generator.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "worker/generation/live_jobs.h"

namespace berth::engine {
namespace {

// Answers of one job: OpenAI's limits are 128 choices, and 20 of best_of, of each prompt.
constexpr std::size_t kMostChoices = 4096;

std::uint64_t SystemSeed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

std::int64_t Sequences(const GenerationJob& job) {
  return static_cast<std::int64_t>(job.prompts.size()) * job.choices;
}

// Why the job can never be done; empty: it can.
std::string Impossible(const GenerationJob& job, const GeneratorOptions& options, int vocab) {
  const auto text = [](auto number) { return std::to_string(number); };
  if (job.choices < 1 || job.prompts.empty()) return "the request asks for nothing: no prompt, or no choice of it";
  if (job.prompts.size() > kMostChoices / static_cast<std::size_t>(job.choices)) {
    return "the request asks for " + text(job.choices) + " choices of " + text(job.prompts.size()) +
           " prompts, and at most " + text(kMostChoices) + " are made at once; split it";
  }
  for (const auto& prompt : job.prompts) {
    if (prompt.empty()) return "the request has an empty prompt; at least one token is needed";
    if (static_cast<std::int64_t>(prompt.size()) >= options.context) {
      return "a prompt of " + text(prompt.size()) + " tokens leaves no room for an answer in a context of " +
             text(options.context) + "; shorten it";
    }
    const auto wrong = std::ranges::find_if(prompt, [vocab](std::int32_t id) { return id < 0 || id >= vocab; });
    if (wrong != prompt.end()) {
      return "the prompt has the token id " + text(*wrong) + ", and the model's are 0 to " + text(vocab - 1);
    }
  }
  return "";
}

}  // namespace

class Generator::State {
 public:
  State(Decoder& decoder, const text::Tokenizer& tokenizer, GeneratorOptions options, Metrics& metrics)
      : options_(std::move(options)),
        vocab_(decoder.vocab_size()),
        jobs_(decoder, tokenizer, options_, metrics),
        gauges_(jobs_.gauges()),
        thread_([this] { Run(); }) {}

  ~State() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      woken_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void Submit(std::shared_ptr<GenerationJob> job);
  void Cancel(GenerationJob& job);
  void Drain();
  Gauges gauges() const;

 private:
  struct Arrival {
    std::shared_ptr<GenerationJob> job;
    TimePoint since;
    std::uint64_t seed;
  };

  void Run();
  void TakeIn(std::vector<Arrival> arrivals);
  void Conclude(std::vector<LiveJobs::Ended> ended);
  static void End(GenerationJob& job, JobEnd end);

  const GeneratorOptions options_;
  const int vocab_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Arrival> arrivals_;  // guarded by mutex_, as are all of these:
  std::size_t open_jobs_ = 0;      // submitted and not ended
  bool woken_ = false;             // something happened since the compute thread last looked
  bool draining_ = false;
  bool stopping_ = false;
  LiveJobs jobs_;                  // the compute thread's alone
  Gauges gauges_;                  // guarded by mutex_: of `jobs_`, and what arrived since
  std::thread thread_;             // last: starts when all else is there
};

void Generator::State::Submit(std::shared_ptr<GenerationJob> job) {
  job->error = Impossible(*job, options_, vocab_);
  if (!job->error.empty()) return End(*job, JobEnd::kRefused);
  Arrival arrival{job, Clock::now(), job->sampling.seed ? 0 : SystemSeed()};
  std::unique_lock lock(mutex_);
  if (open_jobs_ >= options_.max_jobs) {
    lock.unlock();
    return End(*job, JobEnd::kQueueFull);
  }
  ++open_jobs_;
  gauges_.waiting += Sequences(*job);
  arrivals_.push_back(std::move(arrival));
  woken_ = true;
  lock.unlock();
  wake_.notify_one();
}

void Generator::State::Cancel(GenerationJob& job) {
  {
    std::lock_guard lock(mutex_);  // so that the compute thread cannot miss it between looking and sleeping
    job.cancelled = true;
    woken_ = true;
  }
  wake_.notify_one();
}

void Generator::State::Drain() {
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
    woken_ = true;
  }
  wake_.notify_one();
}

Generator::Gauges Generator::State::gauges() const {
  std::lock_guard lock(mutex_);
  return gauges_;
}

// The callback is moved out first: what it wakes may let go of the job while it still runs.
void Generator::State::End(GenerationJob& job, JobEnd end) {
  const auto ended = std::move(job.ended);
  ended(end);
}

void Generator::State::Run() {
  if (options_.prepare_thread) options_.prepare_thread();
  while (true) {
    std::unique_lock lock(mutex_);
    // Waits for whoever calls, as long as that may take: there is nothing to do.
    wake_.wait(lock, [this] { return woken_ || !jobs_.empty(); });
    woken_ = false;
    const bool draining = draining_, stopping = stopping_;
    std::vector<Arrival> arrivals = std::exchange(arrivals_, {});
    lock.unlock();
    TakeIn(std::move(arrivals));
    Conclude(jobs_.Sweep(draining, stopping));
    if (stopping) return;
    if (!jobs_.empty()) Conclude(jobs_.Step());
  }
}

void Generator::State::TakeIn(std::vector<Arrival> arrivals) {
  for (Arrival& each : arrivals) jobs_.Add(std::move(each.job), each.since, each.seed);
}

// The gauges first, so that who sees a job's end sees its blocks free.
void Generator::State::Conclude(std::vector<LiveJobs::Ended> ended) {
  {
    std::lock_guard lock(mutex_);
    gauges_ = jobs_.gauges();
    for (const Arrival& each : arrivals_) gauges_.waiting += Sequences(*each.job);
    open_jobs_ -= ended.size();
  }
  for (LiveJobs::Ended& each : ended) End(*each.job, each.end);
}

std::map<std::string, double> BeatGauges(const Generator::Gauges& gauges) {
  const auto used = static_cast<double>(gauges.blocks_used);
  const auto all = static_cast<double>(gauges.blocks_used + gauges.blocks_cached + gauges.blocks_free);
  return {{"kv_blocks/used", used},
          {"kv_blocks/cached", static_cast<double>(gauges.blocks_cached)},
          {"kv_blocks/free", static_cast<double>(gauges.blocks_free)},
          {"kv_usage_ratio", all > 0 ? used / all : 0}};
}

Generator::Generator(Decoder& decoder, const text::Tokenizer& tokenizer, GeneratorOptions options, Metrics& metrics)
    : state_(std::make_unique<State>(decoder, tokenizer, std::move(options), metrics)) {}

Generator::~Generator() = default;

void Generator::Submit(std::shared_ptr<GenerationJob> job) { state_->Submit(std::move(job)); }
void Generator::Cancel(GenerationJob& job) { state_->Cancel(job); }
void Generator::Drain() { state_->Drain(); }
Generator::Gauges Generator::gauges() const { return state_->gauges(); }

}  // namespace berth::engine
