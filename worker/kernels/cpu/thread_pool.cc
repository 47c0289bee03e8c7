#include "worker/kernels/cpu/thread_pool.h"

namespace berth::kernels::cpu {
namespace {

// The word that all threads watch: | number of the job | open | workers in it |.
constexpr std::uint32_t kOpen = 1u << 10;
constexpr std::uint32_t kInside = kOpen - 1;
constexpr std::uint32_t kNumber = ~(kOpen | kInside);
constexpr std::uint32_t kOneJob = kOpen << 1;

// Looks before sleeping: some 20 to 50 microseconds, longer than what a decoder does between two operators.
constexpr int kLooks = 1000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  workers_.reserve(static_cast<std::size_t>(threads));
  for (int thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { Serve(thread); });
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  state_.fetch_add(kOneJob);
  state_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::RunErased(std::int64_t tasks, const void* context, Call call) {
  if (workers_.empty() || tasks < 2) {
    for (std::int64_t task = 0; task < tasks; ++task) call(context, task, 0);
    return;
  }
  call_ = call;
  context_ = context;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  state_.store(((state_.load(std::memory_order_relaxed) & kNumber) + kOneJob) | kOpen);
  state_.notify_all();
  Work(0);
  std::uint32_t state = state_.fetch_and(~kOpen) & ~kOpen;
  for (int looks = 0; (state & kInside) != 0; state = state_.load()) {
    if (++looks < kLooks) Pause();
    else state_.wait(state);
  }
}

void ThreadPool::Work(int thread) {
  while (true) {
    const std::int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
    if (task >= tasks_) return;
    call_(context_, task, thread);
  }
}

void ThreadPool::Serve(int thread) {
  std::uint32_t seen = 0;
  while (true) {
    std::uint32_t state = NextJob(seen);
    if (stopping_.load()) return;
    seen = state & kNumber;
    while ((state & kOpen) != 0 && (state & kNumber) == seen) {
      if (!state_.compare_exchange_weak(state, state + 1)) continue;
      Work(thread);
      Leave();
      break;
    }
  }
}

// The state once there is a job that is not number `seen`.
std::uint32_t ThreadPool::NextJob(std::uint32_t seen) {
  std::uint32_t state = state_.load();
  for (int looks = 0; (state & kNumber) == seen; state = state_.load()) {
    if (++looks < kLooks) Pause();
    else state_.wait(state);
  }
  return state;
}

void ThreadPool::Leave() {
  const std::uint32_t left = state_.fetch_sub(1) - 1;
  if ((left & (kOpen | kInside)) == 0) state_.notify_all();  // the caller may sleep
}

}  // namespace berth::kernels::cpu
