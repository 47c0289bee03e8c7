// Text to token ids and back, as the tokenizer files of a model directory describe it. The
// stages are added tokens -> normalizer -> pre-tokenizer -> model -> post-processor; decoding is the decoder
// alone. `truncation` and `padding` of the file are ignored: the server has limits of its own. Immutable once
// loaded: any thread may call it, and calls share nothing. Input that is not UTF-8 never fails: what is wrong
// reads as U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/result.h"

namespace berth::text {

using TokenId = std::int32_t;

// Which end of a text that is too long is kept.
enum class Truncation {
  kRight,  // drop the end
  kLeft,   // drop the beginning
};

struct Encoding {
  std::vector<TokenId> ids;   // with special tokens
  std::size_t full_size = 0;  // how many ids there were before truncation

  bool truncated() const { return ids.size() < full_size; }
};

// Two texts as one input, for models that judge them together.
struct PairEncoding {
  std::vector<TokenId> ids;   // with special tokens
  std::size_t second = 0;     // where type id 1 begins; ids.size() where all is of type 0
  std::size_t full_size = 0;  // how many ids there were before truncation

  bool truncated() const { return ids.size() < full_size; }
};

struct EncodeOptions {
  bool add_special_tokens = false;  // what the post-processor puts around a text
  // Special tokens that stand in the text are themselves, as chat templates write them; false: their characters are
  // text like any other, as a stranger's text should be read. Added tokens that are not special always are themselves.
  bool recognise_special = true;
};

struct Pipeline;  // the stages
class StreamDecoder;

class Tokenizer {
 public:
  // Reads the first of these that `dir` has, with its tokenizer_config.json: tokenizer.json; vocab.json and merges.txt
  // (GPT-2's form); tokenizer.model (SentencePiece's); vocab.txt (BERT's). Errors name the file and the component: a
  // type that is not supported, a missing field, a wrong type, ids that clash.
  static Result<std::unique_ptr<Tokenizer>> Load(const std::filesystem::path& dir);
  ~Tokenizer();

  std::vector<TokenId> Encode(std::string_view utf8, bool add_special_tokens) const;
  std::vector<TokenId> Encode(std::string_view utf8, const EncodeOptions& options) const;

  // At most `max_tokens` ids, special tokens included; these are always kept, so that a limit below
  // special_tokens() yields the special tokens alone.
  Encoding EncodeTruncated(std::string_view utf8, std::size_t max_tokens,
                           Truncation truncation = Truncation::kRight) const;

  // Two texts, each encoded without special tokens, put together as the file's pair template says. What is
  // more than `max_tokens` is taken from the longer text first ("longest_first": both lose when half of the
  // room is too little for the shorter one); special tokens are always kept. Needs CheckPairs().
  PairEncoding JoinPair(std::span<const TokenId> first, std::span<const TokenId> second,
                        std::size_t max_tokens, Truncation truncation = Truncation::kRight) const;
  PairEncoding EncodePair(std::string_view first, std::string_view second, std::size_t max_tokens,
                          Truncation truncation = Truncation::kRight) const;

  // Whether texts can be paired. The error: what the tokenizer's files lack for it.
  Status CheckPairs() const;

  // Valid UTF-8: bytes that are no character become U+FFFD. Ids that the vocabulary does not have are skipped.
  // stream_decoder.h does the same token by token.
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const;

  // As it stands in the vocabulary ("##ing"); empty where there is no such id. Lives as long as the
  // tokenizer.
  std::string_view TokenText(TokenId id) const;

  // The id of a token as it stands in the vocabulary ("<|im_end|>", "Ġthe"); nothing where there is none.
  std::optional<TokenId> TokenToId(std::string_view token) const;

  // The bytes that a token stands for within a text (" the" for "Ġthe" or "▁the", one byte for "<0x0A>"), which need
  // not be whole characters; of special tokens their text. Empty where there is no such id.
  std::string TokenBytes(TokenId id) const;

  // Whether decoding leaves it out on request.
  bool IsSpecial(TokenId id) const;

  std::size_t special_tokens() const;  // how many the post-processor puts around a text: 2 for [CLS] … [SEP]
  std::size_t vocab_size() const;      // largest id + 1: the rows that the embedding table must have

 private:
  friend class StreamDecoder;
  explicit Tokenizer(std::unique_ptr<const Pipeline> pipeline);

  std::unique_ptr<const Pipeline> pipeline_;
};

}  // namespace berth::text
