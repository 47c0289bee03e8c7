#include "worker/decoder/memory.h"

#include <sys/mman.h>

#include <utility>

namespace berth::decoder {

Result<Memory> Memory::Make(Bytes bytes, engine::Budget* meter) {
  Memory memory;
  if (bytes.count == 0) return memory;
  if (meter != nullptr && !meter->TakeMapped(bytes.count)) {
    return MakeError(ErrorKind::kUnavailable, meter->Refusal(bytes.count));
  }
  void* const data = ::mmap(nullptr, bytes.count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) {
    if (meter != nullptr) meter->GiveMapped(bytes.count);
    return MakeError(ErrorKind::kExhausted, "out of memory: ", FormatBytes(bytes),
                     " more are not there; raise `memory` of the model or lower `context`");
  }
  memory.data_ = data;
  memory.size_ = bytes.count;
  memory.meter_ = meter;
  if (meter != nullptr) meter->Watch(data, bytes.count);
  ::madvise(data, bytes.count, MADV_HUGEPAGE);  // fewer misses of address translation; refused is as good
  return memory;
}

Memory::Memory(Memory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      meter_(std::exchange(other.meter_, nullptr)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  if (this == &other) return *this;
  Release();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  meter_ = std::exchange(other.meter_, nullptr);
  return *this;
}

void Memory::Release() {
  if (data_ == nullptr) return;
  if (meter_ != nullptr) meter_->Unwatch(data_);
  ::munmap(data_, size_);
  if (meter_ != nullptr) meter_->GiveMapped(size_);
  data_ = nullptr;
  size_ = 0;
  meter_ = nullptr;
}

Result<float*> Scratch::Floats(std::int64_t count) {
  const Bytes bytes{static_cast<std::uint64_t>(count) * sizeof(float)};
  if (memory_.size() < bytes.count) {
    memory_ = {};  // first, so that both are never held
    auto made = Memory::Make(bytes, meter_);
    if (!made) return made.error();
    memory_ = std::move(*made);
  }
  return memory_.as<float>();
}

}  // namespace berth::decoder
