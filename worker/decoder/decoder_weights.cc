#include "worker/decoder/decoder_weights.h"

#include <functional>
#include <numeric>
#include <utility>

#include "worker/decoder/convert.h"

namespace berth::decoder {
namespace {

using checkpoint::Dtype;
using checkpoint::TensorView;

constexpr std::size_t kPage = 4096;

// Reads one byte of every page, so that the file's pages are in memory.
void Touch(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += kPage) sum += static_cast<unsigned>(bytes[i]);
  [[maybe_unused]] volatile unsigned sink = sum;
}

bool IsAligned(const TensorView& view) {
  return reinterpret_cast<std::uintptr_t>(view.data.data()) % checkpoint::DtypeSize(view.dtype) == 0;
}

}  // namespace

DecoderWeights::DecoderWeights(checkpoint::Checkpoint checkpoint, Dtype kept, Bytes budget, engine::Budget* meter,
                               std::function<void(double)> progress)
    : checkpoint_(std::move(checkpoint)),
      kept_(kept),
      budget_(budget),
      meter_(meter),
      progress_(std::move(progress)) {}

kernels::Matrix DecoderWeights::TakeMatrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
  return {Take(name, {rows, columns}, kept_), element(), rows, columns};
}

kernels::Matrix DecoderWeights::TakeTensor(const std::string& name, const std::vector<std::int64_t>& shape, Dtype as) {
  const auto columns = std::accumulate(shape.begin() + 1, shape.end(), std::int64_t{1}, std::multiplies<>());
  const auto element = as == Dtype::F32 ? kernels::Element::kFloat32 : kernels::Element::kBfloat16;
  return {Take(name, shape, as), element, shape.front(), columns};
}

const float* DecoderWeights::TakeVector(const std::string& name, std::int64_t size) {
  return static_cast<const float*>(Take(name, {size}, Dtype::F32));
}

const TensorView* DecoderWeights::Find(const std::string& name) const {
  const TensorView* view = checkpoint_.Find("model." + name);
  return view != nullptr ? view : checkpoint_.Find(name);
}

void DecoderWeights::Fail(Error error) {
  if (!error_) error_ = std::move(error);
}

const void* DecoderWeights::Take(const std::string& name, const std::vector<std::int64_t>& shape, Dtype as) {
  if (error_) return nullptr;
  const TensorView* view = Find(name);
  if (view == nullptr) {
    Fail(Invalid(File(), ": tensor \"", name, "\" ", checkpoint::FormatShape(shape),
                 " is missing; config.json asks for it"));
    return nullptr;
  }
  if (view->shape != shape) {
    Fail(Invalid(File(), ": tensor \"", view->name, "\" is ", checkpoint::FormatShape(view->shape),
                 "; config.json asks for ", checkpoint::FormatShape(shape)));
    return nullptr;
  }
  if (!IsWeightDtype(view->dtype)) {
    Fail(Invalid(File(), ": tensor \"", view->name, "\" has dtype ", checkpoint::DtypeName(view->dtype),
                 "; weights are read as F32, F16 or BF16"));
    return nullptr;
  }
  taken_.insert(view->name);
  const void* data = view->data.data();
  if (view->dtype == as && IsAligned(*view)) {
    Touch(view->data);
    mapped_bytes_ += Bytes{view->data.size()};
  } else {
    data = Convert(*view, as);
  }
  done_ += Bytes{view->data.size()};
  if (progress_) progress_(static_cast<double>(done_.count) / static_cast<double>(checkpoint_.total().count));
  return data;
}

const void* DecoderWeights::Convert(const TensorView& view, Dtype as) {
  const std::size_t count = view.data.size() / checkpoint::DtypeSize(view.dtype);
  const Bytes bytes{count * checkpoint::DtypeSize(as)};
  owned_bytes_ += bytes;
  if (owned_bytes_ > budget_) {
    Fail(MakeError(ErrorKind::kExhausted, "the weights need at least ", FormatBytes(owned_bytes_),
                   " of memory once converted, the budget is ", FormatBytes(budget_), "; raise `memory` of the model"));
    return nullptr;
  }
  auto memory = Memory::Make(bytes, meter_);
  if (!memory) {
    Fail(MakeError(ErrorKind::kExhausted, memory.error().message));
    return nullptr;
  }
  ConvertWeights(view.data.data(), view.dtype, count, as, memory->as<void>());
  owned_.push_back(std::move(*memory));
  return owned_.back().as<void>();
}

Result<std::vector<std::string>> DecoderWeights::Finish() const {
  if (error_) return *error_;
  std::vector<std::string> unused;
  for (const auto& [name, view] : checkpoint_.tensors()) {
    if (!taken_.contains(name)) unused.push_back(name);
  }
  return unused;
}

}  // namespace berth::decoder
