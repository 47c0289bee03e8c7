#include "worker/speech/transcriber.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "worker/speech/live_transcripts.h"

namespace berth::speech {
namespace {

using engine::JobEnd;

// Why the job can never be done; empty: it can.
std::string Impossible(const TranscriptionJob& job, const SpeechModel& model, const SpeechTokens& tokens) {
  const auto text = [](auto number) { return std::to_string(number); };
  const TranscriptionOptions& options = job.options;
  if (options.beam < 1 || options.best_of < 1 || !(options.patience > 0)) {
    return "a beam of " + text(options.beam) + " and the best of " + text(options.best_of) + " with patience " +
           text(options.patience) + "; all must be above 0";
  }
  for (const Piece& piece : job.pieces) {
    if (piece.frames > 0 && piece.frames <= model.config().frames() && piece.first_frame >= 0) continue;
    return "a piece of " + text(piece.frames) + " frames; a window has " + text(model.config().frames());
  }
  if (tokens.multilingual() && !options.language.empty() && !tokens.languages.contains(options.language)) {
    return "the model does not know the language \"" + options.language + "\"";
  }
  if (!tokens.multilingual() && (options.task == Task::kTranslate || (!options.language.empty() && options.language != "en"))) {
    return "the model knows English alone, and translates nothing";
  }
  const std::int64_t needed = Transcriber::CacheBlocks(model.config(), 1, std::max(options.beam, options.best_of));
  if (needed > model.cache_blocks()) {
    return "a beam of " + text(std::max(options.beam, options.best_of)) + " needs " + text(needed) +
           " blocks of cache, and there are " + text(model.cache_blocks()) + "; raise `memory` of the model";
  }
  return "";
}

}  // namespace

class Transcriber::State {
 public:
  State(SpeechModel& model, const text::Tokenizer& tokenizer, const SpeechTokens& tokens, TranscriberOptions options)
      : model_(model),
        tokens_(tokens),
        options_(std::move(options)),
        jobs_(model, tokenizer, tokens, options_),
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

  void Submit(std::shared_ptr<TranscriptionJob> job);
  void Cancel(TranscriptionJob& job);
  void Drain();
  Gauges gauges() const;

 private:
  struct Arrival {
    std::shared_ptr<TranscriptionJob> job;
    TimePoint since;
  };

  void Run();
  void Conclude(std::vector<LiveTranscripts::Ended> ended);
  static void End(TranscriptionJob& job, JobEnd end);

  SpeechModel& model_;
  const SpeechTokens& tokens_;
  const TranscriberOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Arrival> arrivals_;  // guarded by mutex_, as are all of these:
  std::size_t open_jobs_ = 0;      // submitted and not ended
  std::int64_t windows_ = 0;
  bool woken_ = false;  // something happened since the compute thread last looked
  bool draining_ = false;
  bool stopping_ = false;
  LiveTranscripts jobs_;  // the compute thread's alone
  std::thread thread_;    // last: starts when all else is there
};

void Transcriber::State::Submit(std::shared_ptr<TranscriptionJob> job) {
  job->error = Impossible(*job, model_, tokens_);
  if (!job->error.empty()) return End(*job, JobEnd::kRefused);
  std::unique_lock lock(mutex_);
  if (open_jobs_ >= options_.max_jobs) {
    lock.unlock();
    return End(*job, JobEnd::kQueueFull);
  }
  ++open_jobs_;
  arrivals_.push_back({std::move(job), Clock::now()});
  woken_ = true;
  lock.unlock();
  wake_.notify_one();
}

void Transcriber::State::Cancel(TranscriptionJob& job) {
  {
    std::lock_guard lock(mutex_);  // so that the compute thread cannot miss it between looking and sleeping
    job.cancelled = true;
    woken_ = true;
  }
  wake_.notify_one();
}

void Transcriber::State::Drain() {
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
    woken_ = true;
  }
  wake_.notify_one();
}

Transcriber::Gauges Transcriber::State::gauges() const {
  std::lock_guard lock(mutex_);
  return {static_cast<std::int64_t>(open_jobs_), windows_};
}

// The callback is moved out first: what it wakes may let go of the job while it still runs.
void Transcriber::State::End(TranscriptionJob& job, JobEnd end) {
  const auto ended = std::move(job.ended);
  ended(end);
}

void Transcriber::State::Run() {
  if (options_.prepare_thread) options_.prepare_thread();
  while (true) {
    std::unique_lock lock(mutex_);
    // Waits for whoever calls, as long as that may take: there is nothing to do.
    wake_.wait(lock, [this] { return woken_ || !jobs_.empty(); });
    woken_ = false;
    const bool draining = draining_, stopping = stopping_;
    std::vector<Arrival> arrivals = std::exchange(arrivals_, {});
    lock.unlock();
    for (Arrival& each : arrivals) jobs_.Add(std::move(each.job), each.since);
    Conclude(jobs_.Sweep(draining, stopping));
    if (stopping) return;
    if (!jobs_.empty()) Conclude(jobs_.Step());
  }
}

void Transcriber::State::Conclude(std::vector<LiveTranscripts::Ended> ended) {
  {
    std::lock_guard lock(mutex_);
    windows_ = jobs_.windows();
    open_jobs_ -= ended.size();
  }
  for (LiveTranscripts::Ended& each : ended) End(*each.job, each.end);
}

Transcriber::Transcriber(SpeechModel& model, const text::Tokenizer& tokenizer, const SpeechTokens& tokens,
                         TranscriberOptions options)
    : state_(std::make_unique<State>(model, tokenizer, tokens, std::move(options))) {}

Transcriber::~Transcriber() = default;

std::int64_t Transcriber::CacheBlocks(const checkpoint::WhisperConfig& config, int windows, int beam) {
  return windows * HypothesisBlocks::Most(beam, 0, config.context, kBlockTokens);
}

void Transcriber::Submit(std::shared_ptr<TranscriptionJob> job) { state_->Submit(std::move(job)); }
void Transcriber::Cancel(TranscriptionJob& job) { state_->Cancel(job); }
void Transcriber::Drain() { state_->Drain(); }
Transcriber::Gauges Transcriber::gauges() const { return state_->gauges(); }

}  // namespace berth::speech
