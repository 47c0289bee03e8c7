// A decoder's tensors, taken from its checkpoint by name while it is built, without libtorch. Those that are wanted as
// they are stay in the mapped file, shared by all processes that map it; others are converted into private memory. The
// first mistake sticks: a model takes all its tensors in a row and asks for the error once. Used by one thread, while
// loading; what it handed out lives as long as it does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/bytes.h"
#include "supervisor/base/result.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/decoder/memory.h"
#include "worker/kernels/decoder_ops.h"

namespace berth::decoder {

class DecoderWeights {
 public:
  // `kept`: F32 or BF16, of matrices. `budget`: of private memory, which `meter` counts (may be null). `progress` is told
  // the share of the checkpoint that was taken, 0 to 1; mapped pages are touched before it is, so that a cold disk is
  // waited for here and not inside the first request.
  DecoderWeights(checkpoint::Checkpoint checkpoint, checkpoint::Dtype kept, Bytes budget, engine::Budget* meter,
                 std::function<void(double)> progress);

  // [rows, columns] as `kept`, and [size] as float32. Names may have "model." in front. After a mistake, nothing.
  kernels::Matrix TakeMatrix(const std::string& name, std::int64_t rows, std::int64_t columns);
  // A matrix of another rank or format: rows are `shape`'s first, columns the product of the others. `as`: F32 or BF16.
  kernels::Matrix TakeTensor(const std::string& name, const std::vector<std::int64_t>& shape, checkpoint::Dtype as);
  const float* TakeVector(const std::string& name, std::int64_t size);

  // The first mistake: a tensor that is missing, has another shape or a dtype that is no floating-point weight; more
  // private memory than the budget. Else the names that nobody took.
  Result<std::vector<std::string>> Finish() const;

  Bytes mapped_bytes() const { return mapped_bytes_; }
  Bytes owned_bytes() const { return owned_bytes_; }
  checkpoint::Dtype kept() const { return kept_; }
  kernels::Element element() const {
    return kept_ == checkpoint::Dtype::F32 ? kernels::Element::kFloat32 : kernels::Element::kBfloat16;
  }

 private:
  const void* Take(const std::string& name, const std::vector<std::int64_t>& shape, checkpoint::Dtype as);
  const checkpoint::TensorView* Find(const std::string& name) const;
  const void* Convert(const checkpoint::TensorView& view, checkpoint::Dtype as);
  void Fail(Error error);
  std::string File() const { return checkpoint_.files().front().string(); }

  checkpoint::Checkpoint checkpoint_;
  checkpoint::Dtype kept_;
  Bytes budget_;
  engine::Budget* meter_;
  std::function<void(double)> progress_;
  std::vector<Memory> owned_;
  Bytes mapped_bytes_, owned_bytes_, done_;
  std::set<std::string, std::less<>> taken_;
  std::optional<Error> error_;
};

}  // namespace berth::decoder
