// A batch as the encoder takes it: the tokens of all sequences one after another, and for each of them its
// position and token type. Values.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <span>
#include <vector>

namespace berth::models {

struct PackedTokens {
  at::Tensor ids;                     // [tokens] int64, below vocab_size
  at::Tensor positions;               // [tokens] int64: rows of the position table
  at::Tensor types;                   // [tokens] int64, 0 or 1; undefined: all are 0
  std::vector<std::int64_t> lengths;  // of the sequences, positive
};

struct TokenRow {
  std::span<const std::int32_t> ids;  // 1 … max_tokens() of the model
  std::size_t second = 0;             // the first token of type 1, at most ids.size(); 0: there is none
};

// `padding_index` is the config's: positions begin at the next number, and a token with this id keeps it as
// its position and is not counted. With -1 they are 0, 1, …
PackedTokens Pack(std::span<const TokenRow> rows, std::int64_t padding_index);

}  // namespace berth::models
