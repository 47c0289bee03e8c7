// Keeps the budget's picture of this process true, and says whether a worker whose batch was refused memory can go on
// (ring 1 of the fence, metering/budget.h). One per process, made before the model is loaded; outlives the engine.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "supervisor/base/result.h"
#include "worker/metering/budget.h"
#include "worker/serve/memory_report.h"

namespace berth::serve {

class MemoryGuard {
 public:
  // So many refused batches in a row, none that fitted between them, and the worker is of no use.
  static constexpr int kMostRefusals = 8;

  // `read` asks the kernel; the budget outlives the guard.
  explicit MemoryGuard(engine::Budget& budget, std::function<protocol::MemoryReport()> read = ReadMemory)
      : budget_(budget), read_(std::move(read)) {}

  // Any thread. Before the model is loaded, when it is ready, and with each beat. Where something was refused since, as
  // SettleExactly(): what was freed and is kept must not refuse for ever. Under a sanitizer nothing: the kernel counts
  // its shadow, too.
  void Settle();
  // The same after what is kept and free went back to the kernel: slower, and nothing is missing.
  void SettleExactly();
  // The process holds more than its budget before any tensor is made: why it cannot go on.
  std::optional<std::string> TooSmall() const;

  // From now on requests are served: a refusal is theirs alone. Until then it is the load's.
  void Serving() { serving_ = true; }
  // On the compute thread, how each batch ended; returns why the process must end, or nothing: it goes on.
  std::optional<std::string> After(const Status& batch);

 private:
  std::optional<std::string> Recover(const Error& refusal);

  engine::Budget& budget_;
  const std::function<protocol::MemoryReport()> read_;
  std::mutex asking_;  // a figure from before memory was returned must not be taken for one from after it
  std::atomic<bool> serving_{false};
  int refusals_in_a_row_ = 0;  // the compute thread's
};

}  // namespace berth::serve
