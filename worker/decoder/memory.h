// Private memory of a decoder: whole pages from the kernel, zeroed, given back as this dies, and counted by the worker's
// budget from the first to the last. For what is large: weights that were converted, the KV cache, activations.
#pragma once

#include <cstddef>
#include <cstdint>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"
#include "worker/metering/budget.h"

namespace berth::decoder {

class Memory {
 public:
  Memory() = default;
  // `meter` may be null: nobody counts. Errors: kUnavailable (the budget refuses), kExhausted (the machine has no more).
  static Result<Memory> Make(Bytes bytes, engine::Budget* meter);
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  ~Memory() { Release(); }

  template <class T>
  T* as() const { return static_cast<T*>(data_); }
  std::size_t size() const { return size_; }

 private:
  void Release();

  void* data_ = nullptr;
  std::size_t size_ = 0;
  engine::Budget* meter_ = nullptr;  // gets its bytes back after the pages went, so that the count is never below what is held
};

// Memory that is kept between passes and grows; what was in it is gone then.
class Scratch {
 public:
  explicit Scratch(engine::Budget* meter) : meter_(meter) {}

  Result<float*> Floats(std::int64_t count);

 private:
  engine::Budget* meter_;
  Memory memory_;
};

}  // namespace berth::decoder
