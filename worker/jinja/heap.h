// What one rendering may use: steps (time), bytes that values and output hold (memory), and how deep it may nest (stack).
// A template is foreign input, and so may be what it renders; whoever computes for it pays here first. Lives as long as
// one call of Render(), on its thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace berth::jinja {

struct Limits {
  std::uint64_t steps = 20'000'000;  // nodes evaluated, items visited, 64 bytes copied: a second or two
  std::size_t value_bytes = std::size_t{64} << 20;
  std::size_t output_bytes = std::size_t{32} << 20;
  int depth = 600;  // evaluations inside each other, each about half a kilobyte of stack
  // Asked before values and output hold so many bytes more, a MiB or more at a time; false: they may not. May be empty.
  std::function<bool(std::uint64_t bytes)> hold = {};
};

// A mistake of the template, or in what it was given. Thrown inside this folder, caught by Template alone: an evaluation
// is as deep as its expression, and every step of it can fail.
struct TemplateError {
  std::string message;
  bool exhausted = false;  // a limit was met
  bool refused = false;    // Limits::hold said no
};
[[noreturn]] void Fail(std::string message);
[[noreturn]] void FailLimit(std::string message);

class Heap;

// Bytes that a value holds, given back by the destructor. Constants of the template are charged to nobody.
class Charge {
 public:
  Charge() = default;
  Charge(Heap* heap, std::size_t bytes);  // throws TemplateError beyond the limit
  Charge(Charge&& other) noexcept : heap_(std::exchange(other.heap_, nullptr)), bytes_(other.bytes_) {}
  Charge& operator=(Charge&&) = delete;
  ~Charge();

 private:
  Heap* heap_ = nullptr;
  std::size_t bytes_ = 0;
};

class Heap {
 public:
  static constexpr std::uint64_t kBytesPerStep = 64;

  explicit Heap(const Limits& limits) : limits_(limits) {}
  Heap(const Heap&) = delete;

  void Step(std::uint64_t steps = 1) {
    if ((steps_ += steps) > limits_.steps) FailSteps();
  }
  void StepBytes(std::uint64_t bytes) { Step(bytes / kBytesPerStep); }
  // Before that many bytes are made: are they within the limit, and is there time to copy them?
  void Foresee(std::uint64_t bytes);
  // All outputs that are open have so many bytes.
  void Wrote(std::uint64_t bytes) {
    written_ = bytes;
    Grow();
  }
  const Limits& limits() const { return limits_; }

 private:
  friend class Charge;
  friend class Nesting;
  [[noreturn]] void FailSteps() const;
  [[noreturn]] void FailBytes() const;
  void Grow(std::uint64_t foreseen = 0) {
    if (limits_.hold && held_ + 2 * written_ + foreseen > granted_) Ask(foreseen);
  }
  void Ask(std::uint64_t foreseen);

  Limits limits_;
  std::uint64_t steps_ = 0;
  std::size_t held_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t granted_ = 0;  // by limits_.hold
  int depth_ = 0;
};

// One level deeper, for as long as it lives.
class Nesting {
 public:
  explicit Nesting(Heap& heap);
  ~Nesting() { --heap_.depth_; }
  Nesting(const Nesting&) = delete;

 private:
  Heap& heap_;
};

}  // namespace berth::jinja
