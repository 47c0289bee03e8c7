// DecoderOps on the CPU: the kernels of the best instruction set that this machine has, on a pool of threads.
#pragma once

#include <memory>

#include "worker/kernels/cpu/isa.h"
#include "worker/kernels/decoder_ops.h"

namespace berth::kernels::cpu {

// `threads` with the calling one. Nothing depends on their number but time: results are bitwise the same.
std::unique_ptr<DecoderOps> MakeCpuOps(int threads);
// With the kernels of one instruction set, which this machine has.
std::unique_ptr<DecoderOps> MakeCpuOps(int threads, const Isa& isa);

}  // namespace berth::kernels::cpu
