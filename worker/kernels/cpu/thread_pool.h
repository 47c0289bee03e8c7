// The threads that share one operator's work. Between operators, which follow each other within microseconds, they
// spin, but not for long: then they sleep on a futex, so that an idle or oversubscribed machine is not held up by them.
// Who is asleep is not waited for: a thread takes part in a job only if it comes before the caller has finished what
// there was to take. Used by one thread at a time, which computes along with the others.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace berth::kernels::cpu {

class ThreadPool {
 public:
  // `threads` with the calling one, at least 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls work(task, thread) for every task in [0, tasks), each once, on some thread in [0, threads()); returns when
  // all are done. `work` throws nothing.
  template <class Work>
  void Run(std::int64_t tasks, const Work& work) {
    RunErased(tasks, &work, [](const void* context, std::int64_t task, int thread) {
      (*static_cast<const Work*>(context))(task, thread);
    });
  }

 private:
  using Call = void (*)(const void* context, std::int64_t task, int thread);

  void RunErased(std::int64_t tasks, const void* context, Call call);
  void Work(int thread);  // takes tasks until there are none
  void Serve(int thread);
  std::uint32_t NextJob(std::uint32_t seen);
  void Leave();

  // The job, written by the caller while none is open.
  Call call_ = nullptr;
  const void* context_ = nullptr;
  std::int64_t tasks_ = 0;

  alignas(64) std::atomic<std::int64_t> next_{0};
  // Number of the job (upper bits), whether it is open, how many workers are in it; see thread_pool.cc.
  alignas(64) std::atomic<std::uint32_t> state_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;
};

}  // namespace berth::kernels::cpu
