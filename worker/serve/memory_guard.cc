#include "worker/serve/memory_guard.h"

#include "worker/metering/heap.h"

namespace berth::serve {
namespace {

#ifdef BERTH_SANITIZED
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr const char* kRemedy = "; raise `memory` of the model";

}  // namespace

void MemoryGuard::Settle() {
  if (kSanitized) return;
  if (budget_.RefusedSince()) return SettleExactly();
  std::lock_guard lock(asking_);
  budget_.Settle(read_().rss_anon);
}

void MemoryGuard::SettleExactly() {
  if (kSanitized) return;
  std::lock_guard lock(asking_);
  engine::ReturnFreedMemory();
  budget_.SettleReturned(read_().rss_anon);
}

std::optional<std::string> MemoryGuard::TooSmall() const {
  if (!budget_.exceeded()) return {};
  return "the process itself holds " + FormatBytes({budget_.other()}) + " of private memory, the budget is " +
         FormatBytes({budget_.limit()}) + kRemedy;
}

std::optional<std::string> MemoryGuard::After(const Status& batch) {
  if (batch) refusals_in_a_row_ = 0;
  if (batch || batch.error().kind == ErrorKind::kInternal) return {};
  if (batch.error().kind == ErrorKind::kExhausted) return batch.error().message;
  return batch.error().kind == ErrorKind::kUnavailable && serving_ ? Recover(batch.error()) : std::nullopt;
}

// What the batch had is free by now, and goes back to the kernel, so that what is left is what others hold.
std::optional<std::string> MemoryGuard::Recover(const Error& refusal) {
  SettleExactly();
  if (budget_.exceeded()) {
    return "holds " + FormatBytes({budget_.taken() + budget_.other()}) +
           " of private memory while nothing is computed, the budget is " + FormatBytes({budget_.limit()}) + kRemedy;
  }
  if (++refusals_in_a_row_ < kMostRefusals) return {};
  return std::to_string(refusals_in_a_row_) + " batches in a row did not fit, the last: " + refusal.message;
}

}  // namespace berth::serve
