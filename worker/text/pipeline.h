// The stages of one tokenizer, and the ways to read them from a model directory. Immutable once built.
#pragma once

#include <filesystem>
#include <memory>
#include <string_view>
#include <variant>

#include "supervisor/base/result.h"
#include "worker/text/added_tokens.h"
#include "worker/text/bpe.h"
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
  std::variant<WordPiece, Bpe> model;
  PostProcessor post_processor;
  Decoder decoder;

  const Vocabulary& vocabulary() const;
  std::string_view TokenText(TokenId id) const;
};

// `normalizer` gives the normal form of those that are looked for in it.
AddedTokens MakeAddedTokens(std::vector<AddedToken> tokens, const Normalizer& normalizer);

using PipelineResult = Result<std::unique_ptr<const Pipeline>>;

// By whichever of the files below `dir` has. Errors name the file and the component.
PipelineResult ReadPipeline(const std::filesystem::path& dir);

// tokenizer.json, and what only `config`, tokenizer_config.json, says: added tokens, and whether the special tokens of
// LLaMA's kind stand around a text.
PipelineResult ReadTokenizerJson(const std::filesystem::path& path, const std::filesystem::path& config);

// vocab.json and merges.txt; the tokenizer_class of `config` says which pattern cuts the text.
PipelineResult ReadVocabMerges(const std::filesystem::path& vocab, const std::filesystem::path& merges,
                               const std::filesystem::path& config);

// tokenizer.model, SentencePiece's own file; BPE alone.
PipelineResult ReadSentencePiece(const std::filesystem::path& path, const std::filesystem::path& config);

// vocab.txt, one token a line, its id the line's number from 0; `config` is tokenizer_config.json, which may
// be absent and then means an uncased BERT.
PipelineResult ReadVocabTxt(const std::filesystem::path& vocab, const std::filesystem::path& config);

}  // namespace berth::text
