#include "worker/kernels/attention.h"

#include <algorithm>
#include <cmath>

namespace berth::kernels {
namespace {

// Sequences from `begin` on that have the same length and whose scores fit.
std::size_t GroupSize(std::span<const std::int64_t> lengths, std::size_t begin, std::int64_t heads) {
  const std::int64_t length = lengths[begin];
  const auto most =
      static_cast<std::size_t>(std::max<std::int64_t>(1, kScoresAtOnce / (heads * length * length)));
  std::size_t end = begin + 1;
  while (end < lengths.size() && lengths[end] == length && end - begin < most) ++end;
  return end - begin;
}

// [count * length, hidden] → [count, heads, length, head_size], a view.
at::Tensor SplitHeads(const at::Tensor& rows, std::int64_t count, std::int64_t length, std::int64_t heads) {
  return rows.view({count, length, heads, rows.size(1) / heads}).transpose(1, 2);
}

// [heads, length, length], where [h, i, j] is the bias of query i and the j-th key from the end: both steps
// go one column to the right, so a view with strides of 1 says it, and no such tensor is ever made.
at::Tensor BiasOfReversedKeys(const at::Tensor& bias, std::int64_t length) {
  const std::int64_t columns = bias.size(1);
  return bias.as_strided({bias.size(0), length, length}, {columns, 1, 1}, columns / 2 + 1 - length);
}

}  // namespace

at::Tensor Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     std::span<const std::int64_t> lengths, std::int64_t heads, const at::Tensor& bias) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(1) / heads));
  at::Tensor out = at::empty_like(q);
  std::int64_t row = 0;
  for (std::size_t i = 0; i < lengths.size();) {
    const std::size_t group = GroupSize(lengths, i, heads);
    const auto count = static_cast<std::int64_t>(group);
    const std::int64_t rows = count * lengths[i];
    const auto part = [&](const at::Tensor& x) {
      return SplitHeads(x.narrow(0, row, rows), count, lengths[i], heads);
    };
    // The order of the keys is nothing to attention; turned around, the bias is a view.
    const at::Tensor keys = bias.defined() ? part(k).flip(2) : part(k);
    const at::Tensor values = bias.defined() ? part(v).flip(2) : part(v);
    at::Tensor scores = at::matmul(part(q), keys.transpose(2, 3));
    if (bias.defined()) {
      at::add_out(scores, BiasOfReversedKeys(bias, lengths[i]), scores, scale);
    } else {
      scores.mul_(scale);
    }
    part(out).copy_(at::matmul(at::softmax(scores, -1), values));
    row += rows;
    i += group;
  }
  return out;
}

}  // namespace berth::kernels
