#include "worker/models/packed_tokens.h"

#include <algorithm>

namespace berth::models {
namespace {

void FillPositions(std::span<const std::int32_t> ids, std::int64_t padding_index, std::int64_t* positions) {
  std::int64_t last = padding_index;
  for (const std::int32_t id : ids) *positions++ = id == padding_index ? padding_index : ++last;
}

}  // namespace

PackedTokens Pack(std::span<const TokenRow> rows, std::int64_t padding_index) {
  PackedTokens packed;
  std::int64_t tokens = 0;
  bool pairs = false;
  for (const TokenRow& row : rows) {
    packed.lengths.push_back(static_cast<std::int64_t>(row.ids.size()));
    tokens += packed.lengths.back();
    pairs |= row.second > 0;
  }
  packed.ids = at::empty({tokens}, at::kLong);
  packed.positions = at::empty({tokens}, at::kLong);
  if (pairs) packed.types = at::zeros({tokens}, at::kLong);
  std::int64_t begin = 0;
  for (const TokenRow& row : rows) {
    const auto length = static_cast<std::int64_t>(row.ids.size());
    const auto second = static_cast<std::int64_t>(row.second);
    std::ranges::copy(row.ids, packed.ids.data_ptr<std::int64_t>() + begin);
    FillPositions(row.ids, padding_index, packed.positions.data_ptr<std::int64_t>() + begin);
    if (second > 0) packed.types.narrow(0, begin + second, length - second).fill_(1);
    begin += length;
  }
  return packed;
}

}  // namespace berth::models
