#include "worker/kernels/cpu/isa.h"

namespace berth::kernels::cpu {

IsaList SupportedIsas() {
  IsaList list;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    list.isas[list.count++] = &kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) list.isas[list.count++] = &kAvx2;
#endif
  list.isas[list.count++] = &kGeneric;
  return list;
}

}  // namespace berth::kernels::cpu
