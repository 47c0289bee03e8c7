// What config.json says about an encoder of the BERT line: the numbers from which the model is built. A value
// that changes the arithmetic is honoured or refused by name. Pure values, torch-free: both programs read
// them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "supervisor/base/result.h"
#include "worker/checkpoint/encoder_architecture.h"

namespace berth::checkpoint {

enum class Activation {
  kGelu,      // x * Phi(x), by erf
  kGeluTanh,  // "gelu_new", "gelu_pytorch_tanh"
  kRelu,
  kSilu,  // "silu", "swish"
};

struct EncoderConfig {
  Family family = Family::kBert;
  Task task = Task::kEmbedding;
  std::string architecture;  // "BertModel", or the head's class around it: "BertForMaskedLM"
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;  // divides hidden_size
  std::int64_t intermediate_size = 0;
  std::int64_t positions = 0;  // rows of the position table: max_position_embeddings
  // MPNet: the row of the position table that padding has. Positions are counted from the next one on, and a
  // token whose id is this number has this row and is not counted. -1: positions are 0, 1, …
  std::int64_t padding_index = -1;
  std::int64_t token_types = 0;       // 0: the family has none
  std::int64_t relative_buckets = 0;  // rows of the table of relative biases; 0: the family has none
  Activation activation = Activation::kGelu;
  double layer_norm_eps = 1e-12;

  std::int64_t head_size() const { return hidden_size / heads; }
  // Of one sequence, special tokens included.
  std::int64_t max_tokens() const { return positions - (padding_index + 1); }
};

// `name` is what messages call the file. Errors: an architecture or a value that is not supported, by name; a
// missing field; a wrong type; a number out of bounds.
Result<EncoderConfig> ParseEncoderConfig(const nlohmann::json& config, const std::string& name);

// `dir`/config.json.
Result<EncoderConfig> ReadEncoderConfig(const std::filesystem::path& dir);

}  // namespace berth::checkpoint
