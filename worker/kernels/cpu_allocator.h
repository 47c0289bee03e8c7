// What an allocator of CPU tensors derives from: libtorch 2.3 changed the functions that one has to bring. The other
// differences between versions are in torch_compat.h.
#pragma once

#include <c10/core/Allocator.h>
#include <torch/csrc/api/include/torch/version.h>

#include <cstddef>

namespace berth::kernels {

class CpuAllocator : public c10::Allocator {
 public:
  virtual c10::DataPtr Make(std::size_t bytes) const = 0;  // any thread

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
  c10::DataPtr allocate(std::size_t bytes) final { return Make(bytes); }
  void copy_data(void* to, const void* from, std::size_t bytes) const final { default_copy_data(to, from, bytes); }
#else
  c10::DataPtr allocate(std::size_t bytes) const final { return Make(bytes); }
#endif
};

}  // namespace berth::kernels
