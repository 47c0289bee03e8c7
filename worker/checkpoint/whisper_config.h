// What the files of a Whisper directory say about the model (Radford et al. 2022): config.json the numbers from which the
// network is built, generation_config.json what its publisher says about decoding with it. A value that changes the
// arithmetic or the tokens is honoured or refused by name. Pure values, torch-free: both programs read them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/checkpoint/safetensors.h"

namespace berth::checkpoint {

struct WhisperConfig {
  std::int64_t vocab_size = 0;
  std::int64_t mels = 0;       // 80, 128
  std::int64_t width = 0;      // d_model
  std::int64_t encoder_layers = 0, encoder_heads = 0, encoder_wide = 0;
  std::int64_t decoder_layers = 0, decoder_heads = 0, decoder_wide = 0;
  std::int64_t positions = 0;  // of the encoder's states, 20 ms each: 1500 are a window of 30 s
  std::int64_t context = 0;    // tokens of one window, with the prompt: 448
  bool tied = true;            // the output layer is the decoder's embedding
  std::optional<Dtype> dtype;  // F32, F16 or BF16: in which it was saved
  std::int64_t median_filter = 7;  // frames, odd: of word timestamps

  std::int64_t frames() const { return 2 * positions; }  // of mel features, 10 ms each
  double window_seconds() const { return static_cast<double>(positions) * 0.02; }
};

struct AlignmentHead {
  std::int64_t layer = 0, head = 0;
  bool operator==(const AlignmentHead&) const = default;
};

// What is absent is decided by the tokenizer's own tokens, or as openai/whisper does.
struct WhisperGeneration {
  std::optional<std::vector<std::int32_t>> suppress;  // absent: the tokens that are no speech
  std::vector<std::int32_t> begin_suppress;           // at the first place; empty: the blank and the end of text
  std::optional<std::int32_t> no_timestamps, start_of_previous, start, end;
  std::map<std::string, std::int32_t> languages;      // "en": its token
  std::map<std::string, std::int32_t> tasks;          // "transcribe", "translate"
  std::optional<bool> multilingual;
  std::int64_t max_initial_timestamp = 50;            // 1 s
  std::vector<AlignmentHead> alignment_heads;         // never empty: else all heads of the upper half of the layers
};

// `name` is what messages call the file. Errors: another model, a value that is not supported, by name; a missing field; a
// wrong type; a number out of bounds; fields that contradict each other.
Result<WhisperConfig> ParseWhisperConfig(const nlohmann::json& config, const std::string& name);
Result<WhisperGeneration> ParseWhisperGeneration(const nlohmann::json& json, const std::string& name,
                                                 const WhisperConfig& config);

// `dir`/config.json; `dir`/generation_config.json, which may be absent: then config.json's tokens count.
Result<WhisperConfig> ReadWhisperConfig(const std::filesystem::path& dir);
Result<WhisperGeneration> ReadWhisperGeneration(const std::filesystem::path& dir, const WhisperConfig& config);

// Whether `dir`/config.json is that of a Whisper model. False where the file cannot be read.
bool IsWhisper(const std::filesystem::path& dir);

}  // namespace berth::checkpoint
