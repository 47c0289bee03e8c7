// The WordPiece model: a word becomes the longest token that begins it, then the longest that continues it
// (marked by a prefix such as "##"), and so on; a word that cannot be covered, or is too long, becomes the
// unknown token. Immutable.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/text/vocabulary.h"
#include "worker/text/workspace.h"

namespace berth::text {

struct WordPieceOptions {
  std::string unk_token = "[UNK]";
  std::string prefix = "##";       // of tokens that continue a word
  std::size_t longest_word = 100;  // in characters
};

class WordPiece {
 public:
  // tokenizer.json's "model", whose type the caller has checked. Errors begin with `where`.
  static Result<WordPiece> Parse(const nlohmann::json& model, const std::string& where);

  // Errors, beginning with `where`: the vocabulary lacks the unknown token.
  static Result<WordPiece> Create(Vocabulary vocabulary, const WordPieceOptions& options,
                                  const std::string& where);

  // Appends the word's ids.
  void Encode(std::string_view word, std::vector<TokenId>& ids, Workspace& workspace) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const std::string& prefix() const { return options_.prefix; }

 private:
  WordPiece(Vocabulary vocabulary, const WordPieceOptions& options, TokenId unknown);

  // The longest token that `rest` begins with, after the prefix; returns its size in `rest`, 0 for none.
  std::size_t LongestMatch(std::string_view prefix, std::uint64_t seed, std::string_view rest, TokenId& id,
                           Workspace& workspace) const;

  Vocabulary vocabulary_;
  WordPieceOptions options_;
  TokenId unknown_;
  std::uint64_t prefix_hash_;
  std::size_t longest_token_ = 0;  // in bytes
};

}  // namespace berth::text
