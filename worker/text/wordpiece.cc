#include "worker/text/wordpiece.h"

#include <algorithm>
#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/text/utf8.h"
#include "worker/text/vocabulary_json.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;

constexpr std::int64_t kLongestWordLimit = 10'000;
constexpr std::size_t kPrefixBytesLimit = 64;

std::size_t CountCharacters(std::string_view word) {
  return static_cast<std::size_t>(
      std::ranges::count_if(word, [](char byte) { return !IsContinuation(byte); }));
}

}  // namespace

Result<WordPiece> WordPiece::Parse(const nlohmann::json& model, const std::string& where) {
  JsonFields fields(model, where);
  WordPieceOptions options;
  options.unk_token = fields.String("unk_token");
  options.prefix = fields.String("continuing_subword_prefix", "##");
  options.longest_word =
      static_cast<std::size_t>(fields.Integer("max_input_chars_per_word", 1, kLongestWordLimit, 100));
  if (options.prefix.size() > kPrefixBytesLimit)
    fields.Fail("\"continuing_subword_prefix\" is longer than 64 bytes");
  const auto& tokens = fields.Object("vocab");
  if (!fields.ok()) return fields.error();
  auto vocabulary = ParseVocabulary(tokens, where + ".vocab");
  if (!vocabulary) return vocabulary.error();
  return Create(std::move(*vocabulary), options, where);
}

Result<WordPiece> WordPiece::Create(Vocabulary vocabulary, const WordPieceOptions& options,
                                    const std::string& where) {
  const auto unknown = vocabulary.Find(options.unk_token);
  if (!unknown) {
    return Invalid(where, ": the vocabulary of ", vocabulary.count(), " tokens lacks the unknown token \"",
                   options.unk_token.substr(0, 80), "\"; correct unk_token");
  }
  return WordPiece(std::move(vocabulary), options, *unknown);
}

WordPiece::WordPiece(Vocabulary vocabulary, const WordPieceOptions& options, TokenId unknown)
    : vocabulary_(std::move(vocabulary)),
      options_(options),
      unknown_(unknown),
      prefix_hash_(HashOf(options.prefix)) {
  for (std::size_t id = 0; id < vocabulary_.size(); ++id) {
    longest_token_ = std::max(longest_token_, vocabulary_.Text(static_cast<TokenId>(id)).size());
  }
}

void WordPiece::Encode(std::string_view word, std::vector<TokenId>& ids, Workspace& workspace) const {
  const std::size_t before = ids.size();
  bool covered = word.size() <= options_.longest_word || CountCharacters(word) <= options_.longest_word;
  for (std::size_t at = 0; covered && at < word.size();) {
    const bool first = at == 0;
    const std::string_view prefix = first ? std::string_view() : options_.prefix;
    TokenId id = Vocabulary::kNone;
    const std::size_t size =
        LongestMatch(prefix, first ? kHashSeed : prefix_hash_, word.substr(at), id, workspace);
    covered = size > 0;
    ids.push_back(id);
    at += size;
  }
  if (covered) return;
  ids.resize(before);
  ids.push_back(unknown_);
}

// A token is valid UTF-8 and so is the word: a match that begins at a character also ends at one.
std::size_t WordPiece::LongestMatch(std::string_view prefix, std::uint64_t seed, std::string_view rest,
                                    TokenId& id, Workspace& workspace) const {
  const std::size_t limit = std::min(rest.size(), longest_token_);
  auto& hashes = workspace.hashes;
  if (hashes.size() < limit) hashes.resize(limit);
  for (std::size_t i = 0; i < limit; ++i) hashes[i] = seed = ExtendHash(seed, rest[i]);
  for (std::size_t size = limit; size > 0; --size) {
    id = vocabulary_.Find(prefix, rest.substr(0, size), hashes[size - 1]);
    if (id != Vocabulary::kNone) return size;
  }
  return 0;
}

}  // namespace berth::text
