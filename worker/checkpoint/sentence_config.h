// How token vectors become one sentence vector: what the sentence-transformers side files of a model
// directory say (modules.json, 1_Pooling/config.json, sentence_bert_config.json,
// config_sentence_transformers.json). Files that are absent mean: mean pooling, normalised (clients of
// /v1/embeddings expect unit vectors), no prompts, as many tokens as the model has positions. With a
// modules.json the vectors are normalised exactly if it lists Normalize. Of a reranker, which makes no
// vectors, only the limits and the case count, and a default prompt is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"
#include "worker/checkpoint/encoder_config.h"

namespace berth::checkpoint {

enum class Pooling { kMean, kCls, kLastToken, kMax };

std::string_view PoolingName(Pooling pooling);  // "mean", "cls", "last_token", "max"

struct SentenceConfig {
  Pooling pooling = Pooling::kMean;
  bool include_prompt = true;   // false: the prompt's tokens are left out of the pooling
  bool normalize = true;        // to unit length
  bool lowercase = false;       // the text, before the tokenizer sees it
  std::int64_t max_tokens = 0;  // the smaller of max_seq_length and the positions, special tokens included
  std::map<std::string, std::string, std::less<>> prompts;  // name -> text to put in front
  std::optional<std::string> default_prompt;                // a name of `prompts`
};

// Errors name the file: a module (Dense, …) or pooling mode that is not supported, none or two pooling modes
// at once, a dimension that is not the encoder's, a default prompt that does not exist or is a reranker's.
Result<SentenceConfig> ReadSentenceConfig(const std::filesystem::path& dir, const EncoderConfig& encoder);

}  // namespace berth::checkpoint
