// Bytes that are appended at the end and taken from the front. What is taken only moves a mark: a body behind the
// head that was taken stays where it arrived, and is relayed from there.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace berth::route {

class ByteQueue {
 public:
  ByteQueue() = default;
  explicit ByteQueue(std::string bytes) : bytes_(std::move(bytes)) {}

  // Valid until the next change.
  std::string_view view() const { return std::string_view(bytes_).substr(taken_); }
  std::size_t size() const { return bytes_.size() - taken_; }
  bool empty() const { return size() == 0; }

  void Append(std::string_view more) { bytes_.append(more); }
  void Take(std::size_t count) {
    taken_ += count;
    if (empty()) {
      Clear();
    } else if (taken_ > size()) {  // so that what is kept never is more than twice what waits
      bytes_.erase(0, std::exchange(taken_, 0));
    }
  }
  void Clear() {
    bytes_.clear();
    taken_ = 0;
  }
  void Swap(ByteQueue& other) {
    bytes_.swap(other.bytes_);
    std::swap(taken_, other.taken_);
  }

 private:
  std::string bytes_;
  std::size_t taken_ = 0;  // of them, from the front
};

}  // namespace berth::route
