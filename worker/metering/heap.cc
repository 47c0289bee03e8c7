#include "worker/metering/heap.h"

#include <malloc.h>

namespace berth::engine {
namespace {

constexpr int kKeep = 1024 * 1024 * 1024;

}  // namespace

void KeepFreedMemory() {
  // One heap for all threads: those that threads have of their own are unmapped when empty, whatever is said below.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_MMAP_THRESHOLD, static_cast<int>(kMapFrom));
  ::mallopt(M_TRIM_THRESHOLD, kKeep);
}

void ReturnFreedMemory() { ::malloc_trim(0); }

}  // namespace berth::engine
