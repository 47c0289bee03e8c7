#include "worker/metering/budget.h"

#include <algorithm>

#include "worker/metering/pages.h"

namespace berth::engine {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;  // counters alone: nothing is published through them

void Raise(std::atomic<std::uint64_t>& most, std::uint64_t value) {
  std::uint64_t seen = most.load(kRelaxed);
  while (seen < value && !most.compare_exchange_weak(seen, value, kRelaxed)) {
  }
}

std::uint64_t Beyond(std::uint64_t all, std::uint64_t part) { return all > part ? all - part : 0; }

}  // namespace

bool Budget::TakeAny(std::uint64_t bytes) {
  const std::uint64_t room = limit_ == 0 ? UINT64_MAX : Beyond(limit_, other());
  std::uint64_t before = taken_.load(kRelaxed);
  do {
    if (before > room || bytes > room - before) {
      refused_.store(true, kRelaxed);
      return false;
    }
  } while (!taken_.compare_exchange_weak(before, before + bytes, kRelaxed));
  Raise(peak_, before + bytes);
  Raise(marked_, before + bytes);
  return true;
}

bool Budget::Take(std::uint64_t bytes) {
  if (!TakeAny(bytes)) return false;
  Raise(kept_, heap_.fetch_add(bytes, kRelaxed) + bytes);
  return true;
}

void Budget::Give(std::uint64_t bytes) {
  heap_.fetch_sub(bytes, kRelaxed);
  taken_.fetch_sub(bytes, kRelaxed);
}

bool Budget::TakeMapped(std::uint64_t bytes) {
  if (!TakeAny(bytes)) return false;
  mapped_.fetch_add(bytes, kRelaxed);
  return true;
}

void Budget::GiveMapped(std::uint64_t bytes) {
  mapped_.fetch_sub(bytes, kRelaxed);
  taken_.fetch_sub(bytes, kRelaxed);
}

void Budget::Watch(const void* pages, std::uint64_t bytes) {
  std::lock_guard lock(watching_);
  watched_.push_back({pages, bytes});
}

void Budget::Unwatch(const void* pages) {
  std::lock_guard lock(watching_);
  std::erase_if(watched_, [pages](const Pages& each) { return each.begin == pages; });
}

std::uint64_t Budget::Untouched() {
  std::lock_guard lock(watching_);
  std::uint64_t bytes = 0;
  for (const Pages& each : watched_) bytes += UntouchedBytes(each.begin, each.bytes);
  return bytes;
}

// All are read after the kernel was asked: what came in between makes `other_` too small, never counts twice. What was
// unmapped in between is taken for others' until the next look: too careful rather than too bold.
void Budget::Settle(std::uint64_t private_bytes) {
  const std::uint64_t whole = private_bytes + Untouched();  // as if all that is taken were touched
  other_.store(Beyond(whole, kept_.load(kRelaxed) + mapped_.load(kRelaxed)), kRelaxed);
}

void Budget::SettleReturned(std::uint64_t private_bytes) {
  kept_.store(heap_.load(kRelaxed), kRelaxed);
  Settle(private_bytes);
}

std::string Budget::Refusal(std::uint64_t bytes) const {
  return "over the memory budget: " + FormatBytes({bytes}) + " more asked for, " + FormatBytes({taken() + other()}) +
         " of private memory held, the budget is " + FormatBytes({limit_}) +
         "; raise `memory` of the model, or lower `batching.max_tokens`";
}

bool Charge::Hold(Budget& budget, std::uint64_t bytes) {
  const std::uint64_t before = budget_ == nullptr ? 0 : bytes_;
  if (bytes > before && !budget.Take(bytes - before)) return false;
  if (bytes < before) budget.Give(before - bytes);
  budget_ = &budget;
  bytes_ = bytes;
  return true;
}

bool Charge::Grow(std::uint64_t bytes) { return budget_ == nullptr || Hold(*budget_, bytes_ + bytes); }

void Charge::Shrink(std::uint64_t bytes) {
  if (budget_ != nullptr) Hold(*budget_, bytes_ - std::min(bytes, bytes_));  // less is never refused
}

void Charge::Reset() {
  if (budget_ != nullptr) budget_->Give(bytes_);
  budget_ = nullptr;
  bytes_ = 0;
}

}  // namespace berth::engine
