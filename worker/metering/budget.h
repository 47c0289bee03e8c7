// A worker's own count of its private memory: the first ring of the fence (DESIGN §5). Who is about to allocate
// much (a tensor, a request's buffers) takes the bytes here first, and is refused when they would not fit into the
// budget; so a replica that grows fails a request, and neither its neighbours nor itself. What does not ask (the
// libraries' own memory, JSON, small objects) is known from what the kernel says, and counted once:
//
//   other = private memory by the kernel − what is mapped and touched − the most of the rest that was taken since
//           freed memory was last returned to it
//   taken + other ≤ limit, with `other` as it was last settled, a second ago or so
//
// Freed tensors stay in the heap (heap.h), so the most ever taken, not what is taken now, is in the kernel's figure.
// Those of 32 MiB and more are mapped each by itself and returned at once, so they count while they are there. (Where the
// heap has so much free in one piece, the C library takes it from there: `other` is then too small while that lives.)
// What is mapped for long and filled by and by, a KV cache, is taken whole, and Watch()ed: the kernel's figure has what was
// touched of it.
// Weights that are mapped are not private, and nobody takes them. No lock nor allocation but for the watch, no torch; any thread. Made
// by the program before the first tensor, and outlives the last.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/base/bytes.h"

namespace berth::engine {

class Budget {
 public:
  // A limit of 0 counts and refuses nothing.
  explicit Budget(Bytes limit = {}) : limit_(limit.count) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // False: it would not fit, and nothing is taken.
  bool Take(std::uint64_t bytes);
  void Give(std::uint64_t bytes);  // of what was taken
  // The same for what goes back to the kernel as soon as it is freed.
  bool TakeMapped(std::uint64_t bytes);
  void GiveMapped(std::uint64_t bytes);
  // Whole pages of a mapping that was taken, which may not all be touched yet; until Unwatch(), before they go.
  void Watch(const void* pages, std::uint64_t bytes);
  void Unwatch(const void* pages);

  // What the kernel counts as private memory of this process now.
  void Settle(std::uint64_t private_bytes);
  // The same, just after freed memory was returned to the kernel.
  void SettleReturned(std::uint64_t private_bytes);

  std::uint64_t limit() const { return limit_; }
  std::uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  std::uint64_t other() const { return other_.load(std::memory_order_relaxed); }
  std::uint64_t peak() const { return peak_.load(std::memory_order_relaxed); }  // the most ever taken
  // The most taken since Mark(), to measure one step by.
  void Mark() { marked_.store(taken(), std::memory_order_relaxed); }
  std::uint64_t peak_since_mark() const { return marked_.load(std::memory_order_relaxed); }
  // Nothing more is needed to be over it.
  bool exceeded() const { return limit_ > 0 && taken() + other() > limit_; }

  // Whether something was refused since this was last asked.
  bool RefusedSince() { return refused_.exchange(false, std::memory_order_relaxed); }

  // Why `bytes` more were refused: what was asked for, what is held, the budget, the remedy.
  std::string Refusal(std::uint64_t bytes) const;

 private:
  bool TakeAny(std::uint64_t bytes);
  std::uint64_t Untouched();

  const std::uint64_t limit_;
  std::atomic<std::uint64_t> taken_{0};   // heap and mapped
  std::atomic<std::uint64_t> heap_{0};
  std::atomic<std::uint64_t> mapped_{0};
  std::atomic<std::uint64_t> other_{0};
  std::atomic<std::uint64_t> kept_{0};  // the most of heap_ since freed memory was last returned
  std::atomic<std::uint64_t> peak_{0};
  std::atomic<std::uint64_t> marked_{0};
  std::atomic<bool> refused_{false};

  struct Pages {
    const void* begin;
    std::uint64_t bytes;
  };
  std::mutex watching_;         // held while the kernel is asked: who unmaps pages unwatches them first
  std::vector<Pages> watched_;  // guarded by watching_
};

// Bytes taken from a budget for as long as this lives. Used by one thread at a time.
class Charge {
 public:
  Charge() = default;
  ~Charge() { Reset(); }
  Charge(Charge&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Charge& operator=(Charge&& other) noexcept {
    std::swap(budget_, other.budget_);  // `other` gives back what this held
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  // From what it holds to `bytes` of `budget`, which outlives it. False: they do not fit; it holds what it held.
  bool Hold(Budget& budget, std::uint64_t bytes);
  // So much more of the budget that it holds of; of none: true, and nothing is counted.
  bool Grow(std::uint64_t bytes);
  void Shrink(std::uint64_t bytes);
  std::uint64_t bytes() const { return bytes_; }
  // Why Grow() said no.
  std::string Refusal(std::uint64_t bytes) const { return budget_ == nullptr ? "" : budget_->Refusal(bytes); }
  void Reset();

 private:
  Budget* budget_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace berth::engine
