// The worker's own memory: as the kernel counts it, and by parts where the worker itself knows them.
#pragma once

#include <cstdint>
#include <mutex>

#include "supervisor/base/bytes.h"
#include "worker/metering/budget.h"
#include "worker/protocol/control.h"

namespace berth::serve {

// From /proc/self/status: RssAnon, VmData, VmHWM. Zeros where it cannot be read. Allocates little; any
// thread.
protocol::MemoryReport ReadMemory();

// The same with the parts. One for the process; any thread.
class MemoryWatch {
 public:
  // The budget outlives this.
  explicit MemoryWatch(const engine::Budget& budget) : budget_(budget) {}

  // Of the model that is loaded now: in mapped files, and in private memory.
  void SetWeights(Bytes mapped, Bytes owned);

  // The kernel does not count the peak of private memory: it is at least the most that was seen here, and the highest
  // resident size less the most that was seen of mapped files.
  protocol::MemoryReport Read();

 private:
  const engine::Budget& budget_;
  std::mutex mutex_;
  Bytes mapped_, owned_;              // guarded by mutex_
  std::uint64_t private_peak_ = 0;    // guarded by mutex_
  std::uint64_t most_of_files_ = 0;   // guarded by mutex_
};

}  // namespace berth::serve
