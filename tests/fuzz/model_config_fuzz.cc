// The side files of a model's folder from a stranger: config.json, modules.json, the pooling's config.json,
// sentence_bert_config.json, config_sentence_transformers.json, model.safetensors.index.json. An input is their texts
// in this order, separated by NUL bytes; an empty one is absent. What is accepted is within the bounds that the code
// which builds the model relies on.
#include <cmath>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/temp_folder.h"
#include "worker/checkpoint/encoder_config.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/checkpoint/sentence_config.h"

namespace berth::fuzz {
namespace {

using checkpoint::EncoderConfig;
using checkpoint::SentenceConfig;

constexpr const char* kFiles[] = {"config.json",
                                  "modules.json",
                                  "1_Pooling/config.json",
                                  "sentence_bert_config.json",
                                  "config_sentence_transformers.json",
                                  "model.safetensors.index.json"};
constexpr std::size_t kLongestError = kMostMessageBytes;

void CheckEncoder(const EncoderConfig& config) {
  Require(config.heads >= 1 && config.hidden_size >= 1 && config.hidden_size % config.heads == 0, "heads divide the width");
  Require(config.layers >= 1 && config.layers <= 10'000, "layers are bounded");
  Require(config.vocab_size >= 1 && config.vocab_size <= 1 << 24, "the vocabulary is bounded");
  Require(config.positions >= 1 && config.positions <= 1 << 20, "positions are bounded");
  Require(config.intermediate_size >= 1, "the inner width is not empty");
  Require(std::isfinite(config.layer_norm_eps) && config.layer_norm_eps >= 0, "epsilon is a number");
  Require(!config.architecture.empty(), "an architecture has a name");
}

void CheckSentence(const SentenceConfig& config, const EncoderConfig& encoder) {
  Require(config.max_tokens >= 1 && config.max_tokens <= encoder.positions, "inputs are no longer than the positions");
  Require(!checkpoint::PoolingName(config.pooling).empty(), "a pooling has a name");
  Require(config.prompts.size() <= 64, "prompts are bounded");
  if (config.default_prompt) Require(config.prompts.contains(*config.default_prompt), "the default prompt exists");
}

EncoderConfig AnyEncoder() {
  EncoderConfig config;
  config.vocab_size = 100;
  config.hidden_size = 8;
  config.heads = 2;
  config.layers = 1;
  config.intermediate_size = 16;
  config.positions = 512;
  config.token_types = 2;
  return config;
}

void WriteFiles(const TempFolder& folder, Slices& slices) {
  static const bool made = std::filesystem::create_directory(folder.path() / "1_Pooling");
  Require(made, "the pooling's folder can be made");
  for (const char* file : kFiles) {
    const std::string_view text = slices.Until('\0');
    std::error_code ignored;
    if (text.empty()) std::filesystem::remove(folder.path() / file, ignored);
    if (!text.empty()) folder.Write(file, text);
  }
}

void Run(std::string_view input) {
  static const TempFolder folder;
  Slices slices(input);
  WriteFiles(folder, slices);
  const auto encoder = checkpoint::ReadEncoderConfig(folder.path());
  if (encoder) CheckEncoder(*encoder);
  if (!encoder) RequireReadable(encoder.error().message, kLongestError);
  const EncoderConfig used = encoder ? *encoder : AnyEncoder();
  const auto sentence = checkpoint::ReadSentenceConfig(folder.path(), used);
  if (sentence) CheckSentence(*sentence, used);
  if (!sentence) RequireReadable(sentence.error().message, kLongestError);
  const auto weights = checkpoint::Checkpoint::Open(folder.path());
  Require(!weights.has_value(), "an index without its shards is no checkpoint");
  RequireReadable(weights.error().message, kLongestError);
}

const Registration kRegistration("model_config", Run);

}  // namespace
}  // namespace berth::fuzz
