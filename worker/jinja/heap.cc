#include "worker/jinja/heap.h"

#include <algorithm>

#include "supervisor/base/bytes.h"

namespace berth::jinja {
namespace {

constexpr std::uint64_t kGrant = std::uint64_t{1} << 20;

}  // namespace

void Fail(std::string message) { throw TemplateError{std::move(message)}; }

void FailLimit(std::string message) { throw TemplateError{std::move(message), true}; }

void Heap::FailSteps() const {
  FailLimit("rendering takes more than " + std::to_string(limits_.steps) + " steps; does a loop of the template never end?");
}

void Heap::FailBytes() const {
  FailLimit("the template's values hold more than " + FormatBytes({limits_.value_bytes}));
}

void Heap::Foresee(std::uint64_t bytes) {
  if (bytes > limits_.value_bytes || held_ + bytes > limits_.value_bytes) FailBytes();
  Grow(bytes);
  StepBytes(bytes);
}

// The output is counted twice: a string that grows is in two places for a moment.
void Heap::Ask(std::uint64_t foreseen) {
  const std::uint64_t more = std::max(kGrant, held_ + 2 * written_ + foreseen - granted_);
  if (!limits_.hold(more)) {
    throw TemplateError{.message = "the template's values and output need " + FormatBytes({granted_ + more}), .refused = true};
  }
  granted_ += more;
}

Charge::Charge(Heap* heap, std::size_t bytes) : heap_(heap), bytes_(bytes) {
  if (heap_ == nullptr) return;
  heap_->held_ += bytes_;
  if (heap_->held_ > heap_->limits_.value_bytes) {
    heap_->held_ -= bytes_;
    heap_->FailBytes();
  }
  try {
    heap_->Grow();
  } catch (...) {
    heap_->held_ -= bytes_;
    throw;
  }
}

Charge::~Charge() {
  if (heap_ != nullptr) heap_->held_ -= bytes_;
}

Nesting::Nesting(Heap& heap) : heap_(heap) {
  if (heap_.depth_ >= heap_.limits_.depth) {
    FailLimit("rendering nests deeper than " + std::to_string(heap_.limits_.depth) + " levels; does a macro call itself without end?");
  }
  ++heap_.depth_;
}

}  // namespace berth::jinja
