#if defined(__x86_64__)
#include "worker/kernels/cpu/simd_avx2.h"
// After the Simd.
#include "worker/kernels/cpu/table.h"

namespace berth::kernels::cpu {

const Isa kAvx2 = TableOf<Simd>("avx2");

}  // namespace berth::kernels::cpu
#endif
