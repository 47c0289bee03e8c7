#if defined(__x86_64__)
#include "worker/kernels/cpu/simd_avx512.h"
// After the Simd.
#include "worker/kernels/cpu/table.h"

namespace berth::kernels::cpu {

const Isa kAvx512 = TableOf<Simd>("avx512");

}  // namespace berth::kernels::cpu
#endif
