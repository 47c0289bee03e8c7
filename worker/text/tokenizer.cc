#include "worker/text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "worker/text/pipeline.h"
#include "worker/text/stream_decoder.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

// English has about 4.5 bytes per token; a reserve that is too small costs one more allocation.
std::size_t GuessIds(std::string_view text) { return text.size() / 4 + 8; }

void EncodeWords(const Pipeline& stages, std::string_view text, bool at_start, std::vector<TokenId>& ids,
                 Workspace& workspace) {
  const auto words = stages.pre_tokenizer.Run(text, at_start, workspace);
  const auto encode = [&](const auto& model) {
    for (const std::string_view word : words) model.Encode(word, ids, workspace);
  };
  std::visit(encode, stages.model);
}

// Calls `between` for the text before, between and after the matches, and collects the matches' ids.
template <class Between>
void SplitAtTokens(const AddedTokenMatcher& matcher, std::string_view text, bool special,
                   std::vector<TokenId>& ids, Between between) {
  std::size_t from = 0;
  while (const auto match = matcher.Next(text, from, special)) {
    if (match->begin > from) between(text.substr(from, match->begin - from));
    ids.push_back(match->id);
    from = match->end;
  }
  if (from < text.size()) between(text.substr(from));
}

void EncodeText(const Pipeline& stages, std::string_view text, bool special, std::vector<TokenId>& ids) {
  Workspace workspace;
  std::string repaired;
  const std::string_view whole = Repair(text, repaired);
  const auto normalize = [&](std::string_view part) {
    const std::string_view normal = stages.normalizer.Run(part, workspace);
    const auto words = [&](std::string_view piece) {
      const bool at_start = part.data() == whole.data() && piece.data() == normal.data();
      EncodeWords(stages, piece, at_start, ids, workspace);
    };
    SplitAtTokens(stages.added.normalized(), normal, special, ids, words);
  };
  SplitAtTokens(stages.added.raw(), whole, special, ids, normalize);
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

// How much of two texts stays when both together may have `room` tokens: what the original library's
// longest_first leaves, which is not what cutting token by token would where both lose and `room` is odd.
std::pair<std::size_t, std::size_t> LongestFirst(std::size_t first, std::size_t second, std::size_t room) {
  if (first + second <= room) return {first, second};
  const std::size_t shorter = std::min({first, second, room / 2});
  if (first <= second) return {shorter, room - shorter};
  return {room - shorter, shorter};
}

std::span<const TokenId> Kept(std::span<const TokenId> ids, std::size_t count, Truncation truncation) {
  return truncation == Truncation::kRight ? ids.first(count) : ids.last(count);
}

}  // namespace

Tokenizer::Tokenizer(std::unique_ptr<const Pipeline> pipeline) : pipeline_(std::move(pipeline)) {}

Tokenizer::~Tokenizer() = default;

Result<std::unique_ptr<Tokenizer>> Tokenizer::Load(const std::filesystem::path& dir) {
  auto pipeline = ReadPipeline(dir);
  if (!pipeline) return pipeline.error();
  return std::unique_ptr<Tokenizer>(new Tokenizer(std::move(*pipeline)));
}

std::vector<TokenId> Tokenizer::Encode(std::string_view utf8, bool add_special_tokens) const {
  return Encode(utf8, EncodeOptions{.add_special_tokens = add_special_tokens});
}

std::vector<TokenId> Tokenizer::Encode(std::string_view utf8, const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  ids.reserve(GuessIds(utf8));
  const auto& prefix = pipeline_->post_processor.prefix;
  const auto& suffix = pipeline_->post_processor.suffix;
  if (options.add_special_tokens) ids.assign(prefix.begin(), prefix.end());
  EncodeText(*pipeline_, utf8, options.recognise_special, ids);
  if (options.add_special_tokens) ids.insert(ids.end(), suffix.begin(), suffix.end());
  return ids;
}

Encoding Tokenizer::EncodeTruncated(std::string_view utf8, std::size_t max_tokens,
                                    Truncation truncation) const {
  Encoding encoding;
  auto& ids = encoding.ids;
  ids.reserve(GuessIds(utf8));
  const auto& prefix = pipeline_->post_processor.prefix;
  const auto& suffix = pipeline_->post_processor.suffix;
  ids.assign(prefix.begin(), prefix.end());
  EncodeText(*pipeline_, utf8, true, ids);
  encoding.full_size = ids.size() + suffix.size();
  Truncate(ids, prefix.size(), max_tokens - std::min(max_tokens, special_tokens()), truncation);
  ids.insert(ids.end(), suffix.begin(), suffix.end());
  return encoding;
}

PairEncoding Tokenizer::JoinPair(std::span<const TokenId> first, std::span<const TokenId> second,
                                 std::size_t max_tokens, Truncation truncation) const {
  const auto& pieces = pipeline_->post_processor.pair;
  const std::size_t special = pieces.size() - std::min<std::size_t>(pieces.size(), 2);
  PairEncoding pair;
  pair.full_size = first.size() + second.size() + special;
  const auto [of_first, of_second] =
      LongestFirst(first.size(), second.size(), max_tokens - std::min(max_tokens, special));
  const auto kept_first = Kept(first, of_first, truncation);
  const auto kept_second = Kept(second, of_second, truncation);
  auto& ids = pair.ids;
  ids.reserve(of_first + of_second + special);
  bool in_segment1 = false;
  for (const PairPiece& piece : pieces) {
    if (piece.segment1 && !std::exchange(in_segment1, true)) pair.second = ids.size();
    if (piece.kind == PairPiece::kFirst) ids.insert(ids.end(), kept_first.begin(), kept_first.end());
    if (piece.kind == PairPiece::kSecond) ids.insert(ids.end(), kept_second.begin(), kept_second.end());
    if (piece.kind == PairPiece::kToken) ids.push_back(piece.id);
  }
  if (!in_segment1) pair.second = ids.size();
  return pair;
}

PairEncoding Tokenizer::EncodePair(std::string_view first, std::string_view second, std::size_t max_tokens,
                                   Truncation truncation) const {
  return JoinPair(Encode(first, false), Encode(second, false), max_tokens, truncation);
}

Status Tokenizer::CheckPairs() const {
  const PostProcessor& post_processor = pipeline_->post_processor;
  if (!post_processor.pair.empty()) return Ok();
  return Invalid("its tokenizer cannot join two texts: ", post_processor.pair_problem);
}

std::string Tokenizer::Decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  StreamDecoder decoder(*this, skip_special_tokens);
  std::string text;
  for (const TokenId id : ids) decoder.Push(id, text);
  return text += decoder.Finish();
}

std::string_view Tokenizer::TokenText(TokenId id) const { return pipeline_->TokenText(id); }

std::optional<TokenId> Tokenizer::TokenToId(std::string_view token) const {
  const AddedToken* added = pipeline_->added.Find(token);
  return added != nullptr ? std::optional(added->id) : pipeline_->vocabulary().Find(token);
}

std::string Tokenizer::TokenBytes(TokenId id) const {
  const std::string_view token = TokenText(id);
  if (token.empty() || IsSpecial(id)) return std::string(token);
  return pipeline_->decoder.BytesOf(token);
}

bool Tokenizer::IsSpecial(TokenId id) const {
  const AddedToken* added = pipeline_->added.Find(id);
  return added != nullptr && added->special;
}

std::size_t Tokenizer::special_tokens() const {
  return pipeline_->post_processor.prefix.size() + pipeline_->post_processor.suffix.size();
}

std::size_t Tokenizer::vocab_size() const {
  return std::max(pipeline_->vocabulary().size(), pipeline_->added.size());
}

}  // namespace berth::text
