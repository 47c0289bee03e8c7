#include "worker/text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "worker/text/pipeline.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

// English has about 4.5 bytes per token; a reserve that is too small costs one more allocation.
std::size_t GuessIds(std::string_view text) { return text.size() / 4 + 8; }

void EncodeWords(const Pipeline& stages, std::string_view text, std::vector<TokenId>& ids,
                 Workspace& workspace) {
  for (const std::string_view word : stages.pre_tokenizer.Run(text, workspace)) {
    stages.model.Encode(word, ids, workspace);
  }
}

// Calls `between` for the text before, between and after the matches, and collects the matches' ids.
template <class Between>
void SplitAtTokens(const AddedTokenMatcher& matcher, std::string_view text, std::vector<TokenId>& ids,
                   Between between) {
  std::size_t from = 0;
  while (const auto match = matcher.Next(text, from)) {
    if (match->begin > from) between(text.substr(from, match->begin - from));
    ids.push_back(match->id);
    from = match->end;
  }
  if (from < text.size()) between(text.substr(from));
}

void EncodeText(const Pipeline& stages, std::string_view text, std::vector<TokenId>& ids) {
  Workspace workspace;
  std::string repaired;
  const auto words = [&](std::string_view part) { EncodeWords(stages, part, ids, workspace); };
  const auto normalize = [&](std::string_view part) {
    SplitAtTokens(stages.added.normalized(), stages.normalizer.Run(part, workspace), ids, words);
  };
  SplitAtTokens(stages.added.raw(), Repair(text, repaired), ids, normalize);
}

// Keeps `room` of the ids at and after `begin`.
void Truncate(std::vector<TokenId>& ids, std::size_t begin, std::size_t room, Truncation truncation) {
  const std::size_t size = ids.size() - begin;
  if (size <= room) return;
  const auto first = ids.begin() + static_cast<std::ptrdiff_t>(begin);
  if (truncation == Truncation::kRight) {
    ids.resize(begin + room);
  } else {
    ids.erase(first, first + static_cast<std::ptrdiff_t>(size - room));
  }
}

}  // namespace

std::string_view Pipeline::TokenText(TokenId id) const {
  const AddedToken* token = added.Find(id);
  return token != nullptr ? std::string_view(token->content) : model.vocabulary().Text(id);
}

Tokenizer::Tokenizer(std::unique_ptr<const Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}

Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::Load(const std::filesystem::path& dir) {
  const auto json = dir / "tokenizer.json";
  const auto vocab = dir / "vocab.txt";
  std::error_code ignored;  // a file that cannot be examined gets its proper message when it is opened
  const bool has_json = std::filesystem::exists(std::filesystem::symlink_status(json, ignored));
  const bool has_vocab = std::filesystem::exists(std::filesystem::symlink_status(vocab, ignored));
  if (!has_json && !has_vocab) {
    return MakeError(ErrorKind::kNotFound, dir.string(),
                     ": has neither tokenizer.json nor vocab.txt; copy the model's ",
                     "tokenizer files there, or correct the path");
  }
  auto pipeline = has_json ? ReadTokenizerJson(json) : ReadVocabTxt(vocab, dir / "tokenizer_config.json");
  if (!pipeline) return pipeline.error();
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(*pipeline)));
}

std::vector<TokenId> Tokenizer::Encode(std::string_view utf8, bool add_special_tokens) const {
  std::vector<TokenId> ids;
  ids.reserve(GuessIds(utf8));
  const auto& [prefix, suffix] = pipeline_->post_processor;
  if (add_special_tokens) ids.assign(prefix.begin(), prefix.end());
  EncodeText(*pipeline_, utf8, ids);
  if (add_special_tokens) ids.insert(ids.end(), suffix.begin(), suffix.end());
  return ids;
}

Encoding Tokenizer::EncodeTruncated(std::string_view utf8, std::size_t max_tokens,
                                    Truncation truncation) const {
  Encoding encoding;
  auto& ids = encoding.ids;
  ids.reserve(GuessIds(utf8));
  const auto& [prefix, suffix] = pipeline_->post_processor;
  ids.assign(prefix.begin(), prefix.end());
  EncodeText(*pipeline_, utf8, ids);
  encoding.full_size = ids.size() + suffix.size();
  Truncate(ids, prefix.size(), max_tokens - std::min(max_tokens, special_tokens()), truncation);
  ids.insert(ids.end(), suffix.begin(), suffix.end());
  return encoding;
}

std::string Tokenizer::Decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  std::string text;
  bool first = true;
  for (const TokenId id : ids) {
    const AddedToken* added = pipeline_->added.Find(id);
    const std::string_view token = TokenText(id);
    if (token.empty() || (skip_special_tokens && added != nullptr && added->special)) continue;
    pipeline_->decoder.Append(token, first, text);
    first = false;
  }
  return text;
}

std::string_view Tokenizer::TokenText(TokenId id) const { return pipeline_->TokenText(id); }

std::size_t Tokenizer::special_tokens() const {
  return pipeline_->post_processor.prefix.size() + pipeline_->post_processor.suffix.size();
}

std::size_t Tokenizer::vocab_size() const {
  return std::max(pipeline_->model.vocabulary().size(), pipeline_->added.size());
}

}  // namespace berth::text
