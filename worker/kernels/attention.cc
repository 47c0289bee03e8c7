#include "worker/kernels/attention.h"

#include <algorithm>
#include <cmath>

namespace berth::kernels {
namespace {

// Scores held at once: 2 Mi floats are 8 MiB, enough for 32 sequences of 64 tokens with 12 heads, and still
// in or near the cache. A longer sequence is computed alone.
constexpr std::int64_t kScoresAtOnce = 2 * 1024 * 1024;

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

// scores * scale + bias in one pass over `scores` [count, heads, length, length]. The bias of a row is a
// window into its head's line, one place further left for each query, so no [heads, length, length] is ever
// made.
void ScaleAndBias(const at::Tensor& scores, float scale, const at::Tensor& bias) {
  const std::int64_t heads = scores.size(1);
  const std::int64_t length = scores.size(2);
  const std::int64_t middle = bias.size(1) / 2;
  float* row = scores.data_ptr<float>();
  for (std::int64_t matrix = 0; matrix < scores.size(0) * heads; ++matrix) {
    const float* line = bias.data_ptr<float>() + matrix % heads * bias.size(1);
    for (std::int64_t query = 0; query < length; ++query, row += length) {
      const float* window = line + middle - query;
      for (std::int64_t key = 0; key < length; ++key) row[key] = row[key] * scale + window[key];
    }
  }
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
    at::Tensor scores = at::matmul(part(q), part(k).transpose(2, 3)).contiguous();
    if (bias.defined()) {
      ScaleAndBias(scores, static_cast<float>(scale), bias);
    } else {
      scores.mul_(scale);
    }
    part(out).copy_(at::matmul(at::softmax(scores, -1), part(v)));
    row += rows;
    i += group;
  }
  return out;
}

}  // namespace berth::kernels
