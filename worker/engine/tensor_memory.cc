#include "worker/engine/tensor_memory.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <memory>
#include <string>
#include <utility>

#include "worker/kernels/cpu_allocator.h"
#include "worker/metering/heap.h"

namespace berth::engine {
namespace {

class OverBudget : public c10::Error {
 public:
  explicit OverBudget(std::string what) : Error({__func__, __FILE__, __LINE__}, std::move(what)) {}
};

// Behind a tensor's data, until it is freed.
struct Block {
  c10::DataPtr data;
  Budget& budget;
  std::size_t bytes;
};

bool Take(Budget& budget, std::size_t bytes) {
  return bytes >= kMapFrom ? budget.TakeMapped(bytes) : budget.Take(bytes);
}
void Give(Budget& budget, std::size_t bytes) { bytes >= kMapFrom ? budget.GiveMapped(bytes) : budget.Give(bytes); }

void Free(void* context) {
  auto* block = static_cast<Block*>(context);
  Budget& budget = block->budget;
  const std::size_t bytes = block->bytes;
  delete block;  // first, so that the count is never below what is held
  Give(budget, bytes);
}

}  // namespace

class TensorMemory::Allocator : public kernels::CpuAllocator {
 public:
  explicit Allocator(Budget& budget) : budget_(budget), inner_(c10::GetCPUAllocator()) {
    c10::SetCPUAllocator(this, kPriority);
  }
  ~Allocator() override { c10::SetCPUAllocator(inner_, kPriority); }

  c10::DataPtr Make(std::size_t bytes) const override {
    if (bytes == 0) return inner_->allocate(0);
    if (!Take(budget_, bytes)) throw OverBudget(budget_.Refusal(bytes));
    try {
      auto block = std::make_unique<Block>(Block{inner_->allocate(bytes), budget_, bytes});
      void* const data = block->data.get();
      const c10::Device device = block->data.device();
      return {data, block.release(), &Free, device};
    } catch (...) {  // the machine has no more
      Give(budget_, bytes);
      throw;
    }
  }

 private:
  static constexpr std::uint8_t kPriority = 100;  // libtorch's own is set with 0

  Budget& budget_;
  c10::Allocator* const inner_;
};

TensorMemory::TensorMemory(Budget& budget) : allocator_(std::make_unique<Allocator>(budget)) {}
TensorMemory::~TensorMemory() = default;

bool IsOverBudget(const std::exception& error) { return dynamic_cast<const OverBudget*>(&error) != nullptr; }

}  // namespace berth::engine
