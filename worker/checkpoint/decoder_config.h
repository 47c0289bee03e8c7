// What config.json says about a decoder of the Llama line: the numbers from which the model is built, and the few
// declared differences between its families. A value that changes the arithmetic is honoured or refused by name. Pure
// values, torch-free: both programs read them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/checkpoint/rope_config.h"
#include "worker/checkpoint/safetensors.h"

namespace berth::checkpoint {

// One decoder serves all of them; what differs is declared below.
enum class DecoderFamily { kLlama, kQwen2, kQwen3 };

// How weights are kept and multiplied. Sums are in float32 in any case.
enum class DecoderDtype {
  kAuto,  // as config.json says, else as they are in the file: F16 is widened to float32 on the CPU, BF16 stays
  kFloat32,
  kBfloat16,
};

struct DecoderConfig {
  DecoderFamily family = DecoderFamily::kLlama;
  std::string architecture;  // "LlamaForCausalLM"
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;   // divides heads
  std::int64_t head_size = 0;  // heads · head_size need not be hidden_size
  std::int64_t intermediate_size = 0;
  std::int64_t positions = 0;  // the model's own context; with YaRN, the extended one
  double norm_eps = 1e-6;
  bool qkv_bias = false;
  bool output_bias = false;  // of the attention's output
  bool mlp_bias = false;
  bool qk_norm = false;  // an RMS norm of each head's query and key
  bool tied = false;     // the output layer is the embedding
  RopeConfig rope;
  std::vector<std::int64_t> windows;  // of each layer: the last positions that it sees; 0: all
  std::optional<Dtype> dtype;         // F32, F16 or BF16: in which it was saved
  std::vector<std::int32_t> eos;      // eos_token_id, ascending; may be empty
  std::optional<std::int32_t> bos;

  std::int64_t query_size() const { return heads * head_size; }
  std::int64_t kv_size() const { return kv_heads * head_size; }
};

// `name` is what messages call the file. Errors: an architecture or a value that is not supported, by name; a missing
// field; a wrong type; a number out of bounds; fields that contradict each other.
Result<DecoderConfig> ParseDecoderConfig(const nlohmann::json& config, const std::string& name);

// `dir`/config.json.
Result<DecoderConfig> ReadDecoderConfig(const std::filesystem::path& dir);

// Whether `dir`/config.json is that of a causal language model, by the name of its architecture (else its model_type):
// of one that is not supported too, whose reason ReadDecoderConfig() knows. False where the file cannot be read.
bool IsDecoder(const std::filesystem::path& dir);

}  // namespace berth::checkpoint
