// The one place that knows how libtorch 1.13 and 2.x differ, and which BLAS stands below it. Everything else
// in the worker includes <ATen/ATen.h> and uses what both have. Free functions, any thread; SetComputeThreads
// belongs to the program's start.
#pragma once

#include <ATen/ATen.h>

#include <exception>
#include <string>

namespace berth::kernels {

// "1.13.1", "2.3.0".
std::string TorchVersion();

// Threads of one operator: libtorch's own loops and, since OpenBLAS built with pthreads has a pool of its own
// that libtorch does not know about, that one too. To be called on the thread that will compute.
void SetComputeThreads(int threads);

// Keeps libtorch's float32 operators on their own kernels. Through oneDNN it would cache one primitive for
// every shape it meets (1.13's gelu: 10 KB each, up to 1,024 of them), and packed batches have thousands of
// shapes.
void AvoidShapeCaches();

// Whether this exception means that memory ran out. libtorch 1.13 says so only in the text of a
// c10::Error; 2.x has c10::OutOfMemoryError on devices and the same text on the CPU.
bool IsOutOfMemory(const std::exception& error);

// The sentence of a c10::Error without its backtrace; what() of any other exception.
std::string Sentence(const std::exception& error);

}  // namespace berth::kernels
