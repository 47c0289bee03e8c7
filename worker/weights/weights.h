// A model's tensors, taken from its checkpoint by name while the model is built. F32 tensors stay where they
// are, in the mapped file, shared by all processes that map it; F16 and BF16 are widened to private float32
// memory, since libtorch 1.13 has no half arithmetic on the CPU. Like JsonFields, the first mistake sticks: a
// model takes all its tensors in a row and asks for the error once, in Finish(). Used by one thread, while
// loading.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"
#include "worker/checkpoint/safetensors.h"

namespace berth::weights {

class WeightReader {
 public:
  // `prefixes`: what may stand in front of every name ("bert."), besides nothing. `budget`: of private
  // memory. `progress` is told the share of the checkpoint that has been taken, 0 to 1; mapped pages are
  // touched before it is, so that a cold disk is waited for here and not inside the first request.
  WeightReader(checkpoint::Checkpoint checkpoint, std::vector<std::string> prefixes, Bytes budget,
               std::function<void(double)> progress);

  // float32 [shape]. The old spelling of normalisation layers, "gamma" for "weight" and "beta" for "bias", is
  // understood. After a mistake, an empty tensor.
  at::Tensor Take(const std::string& name, const std::vector<std::int64_t>& shape);

  // The first mistake: a tensor that is missing, has another shape or a dtype that is no floating-point
  // weight; more private memory than the budget. Otherwise the names that nobody took and that do not begin
  // with one of `ignored`.
  Result<std::vector<std::string>> Finish(std::span<const std::string_view> ignored) const;

  Bytes mapped_bytes() const { return mapped_bytes_; }  // of the tensors taken: those that stay in the file,
  Bytes owned_bytes() const { return private_bytes_; }  // and those that were widened

  // Must live as long as the tensors taken.
  const checkpoint::Checkpoint& checkpoint() const { return checkpoint_; }

 private:
  const checkpoint::TensorView* Find(const std::string& name) const;
  void Fail(Error error);
  at::Tensor Widen(const checkpoint::TensorView& view, at::ScalarType from);
  at::Tensor Float(const checkpoint::TensorView& view);
  bool Reserve(const checkpoint::TensorView& view);
  void Advance(const checkpoint::TensorView& view);

  checkpoint::Checkpoint checkpoint_;
  std::vector<std::string> prefixes_;
  Bytes budget_;
  std::function<void(double)> progress_;
  Bytes private_bytes_;
  Bytes mapped_bytes_;
  Bytes done_;
  std::set<std::string, std::less<>> taken_;
  std::optional<Error> error_;
};

}  // namespace berth::weights
