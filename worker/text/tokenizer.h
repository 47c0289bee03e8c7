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
