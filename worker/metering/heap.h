// How the C library's heap behaves in a worker.
#pragma once

#include <cstddef>

namespace berth::engine {

// From this size on the C library maps each allocation by itself, and unmaps it when it is freed. The largest that it takes.
constexpr std::size_t kMapFrom = 32 * 1024 * 1024;

// Called once, before any thread starts.
//
// Keeps freed activations in the process. Every layer frees and asks anew for tensors of megabytes; left alone,
// the C library hands those of a thread's heap back to the kernel each time, which clears them page by page when they
// are touched again: 90,000 page faults for 512 tokens of a small model. What is kept is at most what a batch needs at
// its peak, which the budget holds anyway.
void KeepFreedMemory();

// Gives back to the kernel what is kept and free. Takes as long as the memory is large; any thread.
void ReturnFreedMemory();

}  // namespace berth::engine
