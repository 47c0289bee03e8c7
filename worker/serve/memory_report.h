// The worker's own memory, as the kernel counts it.
#pragma once

#include "worker/protocol/control.h"

namespace berth::serve {

// From /proc/self/status: RssAnon, VmData, VmHWM. Zeros where it cannot be read. Allocates little; any
// thread.
protocol::MemoryReport ReadMemory();

}  // namespace berth::serve
