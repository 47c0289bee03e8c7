#include "worker/models/relative_bias.h"

#include <cstdlib>

namespace berth::models {
namespace {

constexpr std::int64_t kHalf = 16;  // the buckets of one direction
constexpr std::int64_t kExact = 8;  // of these, those of one distance each
constexpr std::int64_t kSquare = kExact * kExact;

}  // namespace

// Published as kExact + ⌊ln(distance / 8) / ln(128 / 8) · 8⌋, which is kExact + ⌊2 log₂(distance / 8)⌋: the
// bucket grows by one whenever the square of the distance has doubled. In integers no rounding can move a
// border.
std::int64_t RelativeBucket(std::int64_t offset) {
  const std::int64_t distance = std::abs(offset);
  std::int64_t bucket = distance;
  if (distance >= kExact) {
    bucket = kExact;
    while (bucket < kHalf - 1 && distance * distance >= kSquare << (bucket - kExact + 1)) ++bucket;
  }
  return offset > 0 ? kHalf + bucket : bucket;
}

at::Tensor BiasByOffset(const at::Tensor& table, std::int64_t longest) {
  const at::Tensor buckets = at::empty({2 * longest - 1}, at::kLong);
  auto* next = buckets.data_ptr<std::int64_t>();
  for (std::int64_t offset = longest - 1; offset > -longest; --offset) *next++ = RelativeBucket(offset);
  return at::index_select(table, 0, buckets).t().contiguous();
}

}  // namespace berth::models
