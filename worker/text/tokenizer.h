// Text to token ids and back, as a model directory's tokenizer.json describes it, or its vocab.txt. The
// stages are added tokens -> normalizer -> pre-tokenizer -> model -> post-processor; decoding is the decoder
// alone. `truncation` and `padding` of the file are ignored: the server has limits of its own. Immutable once
// loaded: any thread may call it, and calls share nothing. Input that is not UTF-8 never fails: what is wrong
// reads as U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
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

struct Pipeline;  // the stages

class Tokenizer {
 public:
  // Reads `dir`/tokenizer.json, else `dir`/vocab.txt with tokenizer_config.json. Errors name the file and the
  // component: a type that is not supported, a missing field, a wrong type, ids that clash.
  static Result<std::unique_ptr<Tokenizer>> Load(const std::filesystem::path& dir);
  ~Tokenizer();

  std::vector<TokenId> Encode(std::string_view utf8, bool add_special_tokens) const;

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

  // Ids that the vocabulary does not have are skipped.
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const;

  // As it stands in the vocabulary ("##ing"); empty where there is no such id. Lives as long as the
  // tokenizer.
  std::string_view TokenText(TokenId id) const;

  std::size_t special_tokens() const;  // how many the post-processor puts around a text: 2 for [CLS] … [SEP]
  std::size_t vocab_size() const;      // largest id + 1: the rows that the embedding table must have

 private:
  explicit Tokenizer(std::unique_ptr<const Pipeline> pipeline);

  std::unique_ptr<const Pipeline> pipeline_;
};

}  // namespace berth::text
