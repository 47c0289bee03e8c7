// The queue in front of a model, and the one thread that computes. Requests come from any thread as jobs; the
// compute thread forms batches across jobs (batcher.h), begins each job's claim just before its first batch,
// and ends each job exactly once. It knows nothing of HTTP, and of the model only the function that encodes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "supervisor/base/duration.h"
#include "supervisor/base/result.h"
#include "worker/engine/batcher.h"
#include "worker/engine/encoder.h"
#include "worker/engine/job_end.h"
#include "worker/metering/budget.h"
#include "worker/metering/metrics.h"

namespace berth::engine {

// One request. The caller fills the first part before Submit() and reads the second after `ended`.
struct Job {
  std::vector<std::vector<std::int32_t>> inputs;  // never empty, none of them empty
  std::size_t skip = 0;                           // first tokens of each that the pooling leaves out
  std::vector<std::size_t> seconds;               // where each one's second text begins; empty: no pairs
  std::function<bool()> begin;                    // once, on the compute thread, just before the first batch
  std::function<void(JobEnd)> ended;              // exactly once; on the compute thread, or inside Submit()

  std::vector<float> vectors;  // inputs × dimensions, in the order of the inputs; scores when ranking
  Duration inference{};        // from begin() to the last vector
  std::string error;
  Charge charge;             // for the request's own buffers, inputs and vectors among them

  std::atomic<bool> cancelled{false};  // set by Engine::Cancel
};

class Engine {
 public:
  // kUnavailable: the memory budget refuses the batch. Every other error is the model's failure.
  using EncodeFunction = std::function<Status(std::span<const Sequence>, const Sink&)>;
  struct Options {
    Limits limits;
    int dimensions = 0;
    std::size_t max_jobs = 1024;           // waiting and running; more are refused
    std::function<void()> prepare_thread;  // first thing on the compute thread
  };

  // `metrics` outlives the engine.
  Engine(EncodeFunction encode, Options options, Metrics& metrics);
  ~Engine();  // ends what is left as kCancelled
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void Submit(std::shared_ptr<Job> job);
  // Takes effect before the job's next batch; also before Submit(). Its `ended` still comes.
  void Cancel(Job& job);
  // Jobs not begun end as kDraining, now and from now on; begun ones go on.
  void Drain();

 private:
  struct Entry {
    std::shared_ptr<Job> job;
    std::vector<std::size_t> order;  // the inputs, shortest first
    std::vector<int> lengths;        // of the inputs in that order
    std::size_t next = 0;            // in `order`: the first that has not run
    std::int64_t served = 0;         // tokens before `next`
    std::size_t missing = 0;         // vectors still to come
    TimePoint since;                 // arrival
    TimePoint began;
    bool begun = false;
  };
  struct Ended {
    std::shared_ptr<Job> job;
    JobEnd end;
  };
  struct Place {  // where a sequence of the running batch belongs
    Entry* entry;
    std::size_t input;
  };

  void Run();
  std::vector<Ended> Sweep();
  Batch Choose() const;
  std::vector<Ended> Begin(const Batch& batch);
  std::vector<Place> Gather(const Batch& batch);
  void RunBatch(const Batch& batch, const std::vector<Place>& places);
  void Store(const Place& place, std::span<const float> vector);
  void FailBatch(const std::vector<Place>& places, const Error& error);
  static void Notify(std::vector<Ended> ended);
  static void End(Job& job, JobEnd end);

  const EncodeFunction encode_;
  const Options options_;
  Metrics& metrics_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Entry>> entries_;  // oldest first; guarded by mutex_, but an entry's progress
                                                // (`next`, `served`, `missing`) is the compute thread's alone
  bool draining_ = false;                       // guarded by mutex_
  bool stopping_ = false;                       // guarded by mutex_
  std::thread thread_;                          // last: starts when all else is there
};

}  // namespace berth::engine
