// Makes libtorch ask the budget (budget.h) before it allocates a CPU tensor: a layer around its own allocator, for
// the whole process. A tensor that does not fit is an exception at the operator that wanted it; what the operators
// before it made goes with the stack, and the next batch finds the memory as it was. Torch-free face.
#pragma once

#include <exception>
#include <memory>

#include "worker/metering/budget.h"

namespace berth::engine {

class TensorMemory {
 public:
  // From here on, for as long as this lives. One at a time; the budget, and this, outlive every tensor that was made
  // meanwhile. Before the first tensor of the process, or between tensors.
  explicit TensorMemory(Budget& budget);
  ~TensorMemory();
  TensorMemory(const TensorMemory&) = delete;
  TensorMemory& operator=(const TensorMemory&) = delete;

 private:
  class Allocator;
  std::unique_ptr<Allocator> allocator_;
};

// Whether `error` says that a budget refused a tensor. It is not the machine's memory that ran out then.
bool IsOverBudget(const std::exception& error);

}  // namespace berth::engine
