#include "worker/weights/weights.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace berth::weights {
namespace {

using checkpoint::Dtype;
using checkpoint::TensorView;

constexpr std::size_t kPage = 4096;

bool EndsWith(std::string_view text, std::string_view end) { return text.ends_with(end); }

// "….LayerNorm.weight" as checkpoints converted from TensorFlow spell it.
std::string OldSpelling(const std::string& name) {
  if (EndsWith(name, "LayerNorm.weight")) return name.substr(0, name.size() - 6) + "gamma";
  if (EndsWith(name, "LayerNorm.bias")) return name.substr(0, name.size() - 4) + "beta";
  return {};
}

bool IsAligned(const TensorView& view) {
  return reinterpret_cast<std::uintptr_t>(view.data.data()) % alignof(float) == 0;
}

// Reads one byte of every page, so that the file's pages are in memory.
void Touch(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += kPage) sum += static_cast<unsigned>(bytes[i]);
  [[maybe_unused]] volatile unsigned sink = sum;
}

}  // namespace

WeightReader::WeightReader(checkpoint::Checkpoint checkpoint, std::vector<std::string> prefixes, Bytes budget,
                           std::function<void(double)> progress)
    : checkpoint_(std::move(checkpoint)),
      prefixes_(std::move(prefixes)),
      budget_(budget),
      progress_(std::move(progress)) {
  prefixes_.insert(prefixes_.begin(), "");
}

const TensorView* WeightReader::Find(const std::string& name) const {
  for (const std::string& prefix : prefixes_) {
    if (const TensorView* view = checkpoint_.Find(prefix + name)) return view;
  }
  const std::string old = OldSpelling(name);
  return old.empty() ? nullptr : Find(old);
}

void WeightReader::Fail(Error error) {
  if (!error_) error_ = std::move(error);
}

at::Tensor WeightReader::Take(const std::string& name, const std::vector<std::int64_t>& shape) {
  if (error_) return {};
  const TensorView* view = Find(name);
  if (view == nullptr) {
    Fail(Invalid(checkpoint_.files().front().string(), ": tensor \"", name, "\" ",
                 checkpoint::FormatShape(shape), " is missing; config.json asks for it"));
    return {};
  }
  if (view->shape != shape) {
    Fail(Invalid(checkpoint_.files().front().string(), ": tensor \"", view->name, "\" is ",
                 checkpoint::FormatShape(view->shape), "; config.json asks for ",
                 checkpoint::FormatShape(shape)));
    return {};
  }
  taken_.insert(view->name);
  at::Tensor tensor = Float(*view);
  Advance(*view);
  return tensor;
}

at::Tensor WeightReader::Float(const TensorView& view) {
  if (view.dtype == Dtype::F32 && IsAligned(view)) {
    Touch(view.data);
    mapped_bytes_ += Bytes{view.data.size()};
    // The mapping is read-only and nothing writes to a weight; from_blob has no const overload.
    return at::from_blob(const_cast<std::byte*>(view.data.data()), view.shape, at::kFloat);
  }
  if (view.dtype == Dtype::F32) return Widen(view, at::kFloat);
  if (view.dtype == Dtype::F16) return Widen(view, at::kHalf);
  if (view.dtype == Dtype::BF16) return Widen(view, at::kBFloat16);
  Fail(Invalid(checkpoint_.files().front().string(), ": tensor \"", view.name, "\" has dtype ",
               checkpoint::DtypeName(view.dtype), "; weights are read as F32, F16 or BF16"));
  return {};
}

bool WeightReader::Reserve(const TensorView& view) {
  private_bytes_ += Bytes{view.data.size() / checkpoint::DtypeSize(view.dtype) * sizeof(float)};
  if (private_bytes_ <= budget_) return true;
  Fail(MakeError(ErrorKind::kExhausted, "the weights need at least ", FormatBytes(private_bytes_),
                 " of memory once widened to float32, the budget is ", FormatBytes(budget_),
                 "; raise `memory` of the model"));
  return false;
}

at::Tensor WeightReader::Widen(const TensorView& view, at::ScalarType from) {
  if (!Reserve(view)) return {};
  at::Tensor raw = at::empty(view.shape, from);
  std::memcpy(raw.data_ptr(), view.data.data(), view.data.size());
  return raw.to(at::kFloat);
}

void WeightReader::Advance(const TensorView& view) {
  done_ += Bytes{view.data.size()};
  if (progress_) progress_(static_cast<double>(done_.count) / static_cast<double>(checkpoint_.total().count));
}

Result<std::vector<std::string>> WeightReader::Finish(std::span<const std::string_view> ignored) const {
  if (error_) return *error_;
  std::vector<std::string> unknown;
  for (const auto& [name, view] : checkpoint_.tensors()) {
    std::string_view bare = name;
    for (const std::string& prefix : prefixes_) {
      if (!prefix.empty() && bare.starts_with(prefix)) bare.remove_prefix(prefix.size());
    }
    const bool known =
        std::ranges::any_of(ignored, [&](std::string_view start) { return bare.starts_with(start); });
    if (!known && !taken_.contains(name)) unknown.push_back(name);
  }
  return unknown;
}

}  // namespace berth::weights
