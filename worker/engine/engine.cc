#include "worker/engine/engine.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace berth::engine {
namespace {

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Engine::Engine(EncodeFunction encode, Options options, Metrics& metrics)
    : encode_(std::move(encode)),
      options_(std::move(options)),
      metrics_(metrics),
      thread_([this] { Run(); }) {}

Engine::~Engine() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Engine::Submit(std::shared_ptr<Job> job) {
  auto entry = std::make_unique<Entry>();
  entry->order.resize(job->inputs.size());
  std::iota(entry->order.begin(), entry->order.end(), std::size_t{0});
  std::ranges::stable_sort(entry->order, {}, [&](std::size_t i) { return job->inputs[i].size(); });
  for (const std::size_t i : entry->order) entry->lengths.push_back(static_cast<int>(job->inputs[i].size()));
  entry->missing = job->inputs.size();
  entry->since = Clock::now();
  entry->job = job;
  job->vectors.resize(job->inputs.size() * static_cast<std::size_t>(options_.dimensions));
  std::unique_lock lock(mutex_);
  if (entries_.size() >= options_.max_jobs) {
    lock.unlock();
    End(*job, JobEnd::kQueueFull);
    return;
  }
  entries_.push_back(std::move(entry));
  lock.unlock();
  wake_.notify_one();
}

void Engine::Cancel(Job& job) {
  {
    std::lock_guard lock(mutex_);  // so that the compute thread cannot miss it between looking and sleeping
    job.cancelled = true;
  }
  wake_.notify_one();
}

void Engine::Drain() {
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
  }
  wake_.notify_one();
}

void Engine::Notify(std::vector<Ended> ended) {
  for (Ended& each : ended) End(*each.job, each.end);
}

// The callback is moved out first: what it wakes may let go of the job while it still runs.
void Engine::End(Job& job, JobEnd end) {
  const auto ended = std::move(job.ended);
  ended(end);
}

void Engine::Run() {
  if (options_.prepare_thread) options_.prepare_thread();
  std::unique_lock lock(mutex_);
  while (true) {
    std::vector<Ended> ended = Sweep();
    Batch batch = Choose();
    if (!batch.take.empty()) std::ranges::move(Begin(batch), std::back_inserter(ended));
    if (!ended.empty()) {  // some job of the batch may be gone: choose again
      lock.unlock();
      Notify(std::move(ended));
      lock.lock();
      continue;
    }
    if (stopping_) return;
    if (!batch.take.empty()) {
      const std::vector<Place> places = Gather(batch);
      lock.unlock();
      RunBatch(batch, places);
      lock.lock();
    } else if (batch.wait_until) {
      wake_.wait_until(lock, *batch.wait_until);
    } else {
      wake_.wait(lock);
    }
  }
}

// Takes out the jobs that are over before they run (again).
std::vector<Engine::Ended> Engine::Sweep() {
  std::vector<Ended> ended;
  std::erase_if(entries_, [&](const std::unique_ptr<Entry>& entry) {
    if (entry->missing == 0) return true;  // ended when its last vector came
    const bool over = stopping_ || entry->job->cancelled;
    if (!over && !(draining_ && !entry->begun)) return false;
    ended.push_back({entry->job, over ? JobEnd::kCancelled : JobEnd::kDraining});
    return true;
  });
  return ended;
}

Batch Engine::Choose() const {
  std::vector<Waiting> waiting;
  waiting.reserve(entries_.size());
  for (const auto& entry : entries_) {
    waiting.push_back(
        {std::span<const int>(entry->lengths).subspan(entry->next), entry->since, entry->served});
  }
  return NextBatch(waiting, options_.limits, Clock::now());
}

// Begins the jobs that run for the first time; takes out those whose claim is lost.
std::vector<Engine::Ended> Engine::Begin(const Batch& batch) {
  std::vector<Ended> ended;
  for (std::size_t i = 0; i < batch.take.size(); ++i) {
    Entry& entry = *entries_[i];
    if (batch.take[i] == 0 || entry.begun) continue;
    entry.begun = !entry.job->begin || entry.job->begin();
    entry.began = Clock::now();
    if (entry.begun) continue;
    ended.push_back({entry.job, JobEnd::kClaimLost});
    entry.missing = 0;
  }
  if (!ended.empty()) std::erase_if(entries_, [](const auto& entry) { return entry->missing == 0; });
  return ended;
}

std::vector<Engine::Place> Engine::Gather(const Batch& batch) {
  std::vector<Place> places;
  places.reserve(static_cast<std::size_t>(batch.sequences));
  for (std::size_t i = 0; i < batch.take.size(); ++i) {
    Entry& entry = *entries_[i];
    for (int n = 0; n < batch.take[i]; ++n) {
      entry.served += entry.lengths[entry.next];
      places.push_back({&entry, entry.order[entry.next++]});
    }
  }
  return places;
}

void Engine::RunBatch(const Batch& batch, const std::vector<Place>& places) {
  std::vector<Sequence> sequences;
  sequences.reserve(places.size());
  for (const Place& place : places) {
    const Job& job = *place.entry->job;
    sequences.push_back(
        {job.inputs[place.input], job.skip, job.seconds.empty() ? 0 : job.seconds[place.input]});
  }
  const Sink sink = [&](std::size_t index, std::span<const float> vector) { Store(places[index], vector); };
  if (Status done = encode_(sequences, sink); !done) FailBatch(places, done.error());
  metrics_.Add(Counter::kBatches, 1);
  metrics_.Observe(Histogram::kBatchSize, batch.sequences);
  metrics_.Observe(Histogram::kBatchTokens, batch.tokens);
  metrics_.Observe(Histogram::kBatchFill, static_cast<double>(batch.tokens) / options_.limits.max_tokens);
  metrics_.Observe(Histogram::kBatchPadding, 0);  // packed: there is none
}

// A job ends with its last vector, not with the batch: others in it may be longer.
void Engine::Store(const Place& place, std::span<const float> vector) {
  Entry& entry = *place.entry;
  std::ranges::copy(vector,
                    entry.job->vectors.begin() + static_cast<std::ptrdiff_t>(place.input * vector.size()));
  if (--entry.missing > 0) return;
  const auto took = Clock::now() - entry.began;
  entry.job->inference = std::chrono::duration_cast<Duration>(took);
  metrics_.Observe(Histogram::kInferenceSeconds, Seconds(took));
  End(*entry.job, JobEnd::kDone);
}

void Engine::FailBatch(const std::vector<Place>& places, const Error& error) {
  const JobEnd end = error.kind == ErrorKind::kUnavailable ? JobEnd::kOverBudget : JobEnd::kFailed;
  for (const Place& place : places) {
    if (place.entry->missing == 0) continue;
    place.entry->missing = 0;
    place.entry->job->error = error.message;
    End(*place.entry->job, end);
  }
}

}  // namespace berth::engine
