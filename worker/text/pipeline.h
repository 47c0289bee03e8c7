// The stages of one tokenizer, and the two ways to read them from a model directory. Immutable once built.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>

#include "supervisor/base/result.h"
#include "worker/text/added_tokens.h"
#include "worker/text/decoder.h"
#include "worker/text/normalizer.h"
#include "worker/text/post_processor.h"
#include "worker/text/pre_tokenizer.h"
#include "worker/text/wordpiece.h"

namespace berth::text {

struct Pipeline {
  AddedTokens added;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  WordPiece model;
  PostProcessor post_processor;
  Decoder decoder;

  std::string_view TokenText(TokenId id) const;
};

// tokenizer.json. Errors name the file and the component.
Result<std::unique_ptr<const Pipeline>> ReadTokenizerJson(const std::filesystem::path& path);

// vocab.txt, one token a line, its id the line's number from 0; `config` is tokenizer_config.json, which may
// be absent and then means an uncased BERT.
Result<std::unique_ptr<const Pipeline>> ReadVocabTxt(const std::filesystem::path& vocab,
                                                     const std::filesystem::path& config);

}  // namespace berth::text
