#include "worker/kernels/cpu/simd_generic.h"
// After the Simd.
#include "worker/kernels/cpu/table.h"

namespace berth::kernels::cpu {

const Isa kGeneric = TableOf<Simd>("generic");

}  // namespace berth::kernels::cpu
