// What a model's publisher says about generating with it: its end tokens, and the sampling that requests get which leave
// it out. From generation_config.json, which may be absent, and config.json. Pure values, torch-free.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/checkpoint/decoder_config.h"

namespace berth::checkpoint {

struct GenerationConfig {
  std::vector<std::int32_t> eos;  // of both files, ascending; empty: the model has no end token
  std::optional<std::int32_t> bos;
  // Absent: not said. What a request's own parameters mean is worker/engine/generation.h.
  std::optional<bool> do_sample;  // false: greedy, whatever the others say
  std::optional<double> temperature, top_p, min_p, typical_p, repetition_penalty;
  std::optional<std::int64_t> top_k;           // 0: all
  std::optional<std::int64_t> max_new_tokens, min_new_tokens;
  std::optional<std::int64_t> max_length;      // of prompt and answer
  std::vector<std::string> stop_strings;
};

// `name` is what messages call the file; `config` is the same model's. Errors: a wrong type, a number out of range, an id
// outside of the vocabulary; a way of decoding that is not supported (beams, groups, contrastive search, bans, …), by name.
Result<GenerationConfig> ParseGenerationConfig(const nlohmann::json& json, const std::string& name,
                                               const DecoderConfig& config);

// `dir`/generation_config.json; where it is absent, config.json's tokens alone.
Result<GenerationConfig> ReadGenerationConfig(const std::filesystem::path& dir, const DecoderConfig& config);

}  // namespace berth::checkpoint
