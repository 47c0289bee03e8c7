// Byte-pair encoding (Sennrich, Haddow and Birch, 2016): a word's characters are tokens, and of all neighbouring pairs
// that may merge the one of the least rank does, the leftmost first, until none may. A heap over a linked list makes
// that O(n log n) in the length of the word, which can be a whole text. GPT-2's bytes are characters by the time they
// come here (byte_level.h); SentencePiece's models differ in their ranks alone. Immutable.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/text/merge_table.h"
#include "worker/text/vocabulary.h"
#include "worker/text/workspace.h"

namespace berth::text {

struct BpeOptions {
  std::string unk_token;       // for a character without a token; "": it is dropped
  bool fuse_unk = false;       // a run of those is one token
  bool byte_fallback = false;  // such a character becomes the tokens of its bytes, "<0xE4>", if all of them exist
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges say
  std::string prefix;          // of the tokens of a word's characters but the first
  std::string suffix;          // of the token of its last character
};

class Bpe {
 public:
  // tokenizer.json's "model", whose type the caller has checked. Errors begin with `where`: dropout, a merge of tokens
  // that the vocabulary lacks, or into one that it lacks; fields.
  static Result<Bpe> Parse(const nlohmann::json& model, const std::string& where);

  // Errors, beginning with `where`: the vocabulary lacks the unknown token.
  static Result<Bpe> Create(Vocabulary vocabulary, MergeTable merges, BpeOptions options, const std::string& where);

  // Appends the word's ids.
  void Encode(std::string_view word, std::vector<TokenId>& ids, Workspace& workspace) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  Bpe(Vocabulary vocabulary, MergeTable merges, BpeOptions options, TokenId unknown);

  void PutCharacters(std::string_view word, Workspace& workspace) const;
  void PutUnknown(std::string_view character, std::vector<BpeSymbol>& symbols) const;
  TokenId FindCharacter(std::string_view character, bool first, bool last) const;
  void Merge(Workspace& workspace) const;
  void Offer(const std::vector<BpeSymbol>& symbols, std::uint32_t at, std::vector<BpeCandidate>& heap) const;

  Vocabulary vocabulary_;
  MergeTable merges_;
  BpeOptions options_;
  TokenId unknown_;                            // Vocabulary::kNone: none
  std::array<TokenId, 0x180> characters_{};    // by code point; the bytes of byte-level vocabularies are all here
  std::array<TokenId, 256> bytes_{};           // of byte_fallback
};

// Adds the merges "a b" in their order; `prefix` is what the second token of a merge loses. The error, without a place:
// a token that the vocabulary lacks.
class MergeReader {
 public:
  MergeReader(const Vocabulary& vocabulary, std::string_view prefix) : vocabulary_(vocabulary), prefix_(prefix) {}
  Status Add(std::string_view left, std::string_view right);
  Status AddLine(std::string_view line);  // "a b"
  MergeTable TakeTable() { return std::move(table_); }

 private:
  const Vocabulary& vocabulary_;
  std::string_view prefix_;
  MergeTable table_;
  std::uint32_t rank_ = 0;
  std::string merged_;
};

}  // namespace berth::text
