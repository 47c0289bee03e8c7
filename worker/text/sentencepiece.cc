// ReadSentencePiece: a tokenizer of LLaMA's kind from SentencePiece's tokenizer.model. Two pieces merge when their text
// together is a piece, the one with the largest score first; so the merges that tokenizer.json would list are made from
// the pieces here, ranked by score.
#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "worker/checkpoint/mapped_file.h"
#include "worker/text/pipeline.h"
#include "worker/text/sentencepiece_file.h"
#include "worker/text/tokenizer_config.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

constexpr std::string_view kBlank = "\u2581";
constexpr std::array<std::string_view, 2> kClasses = {"LlamaTokenizer", "GemmaTokenizer"};

Status CheckSupported(const SentencePieceFile& file, const TokenizerConfig& config, const std::string& where) {
  constexpr std::array<std::string_view, 5> kModels = {"unknown", "unigram", "bpe", "word", "char"};
  if (file.model_type != 2) {
    return Invalid(where, ": model_type \"", std::string(kModels[file.model_type < 5 ? file.model_type : 0]),
                   "\" is not supported; supported: bpe");
  }
  const std::pair<bool, std::string_view> others[] = {
      {file.has_charsmap, "a precompiled_charsmap"},
      {file.remove_extra_whitespaces, "remove_extra_whitespaces true"},
      {!file.escape_whitespaces, "escape_whitespaces false"},
      {file.whitespace_as_suffix, "treat_whitespace_as_suffix true"},
      {std::ranges::count(file.pieces, PieceType::kUnused, &SentencePiece::type) > 0, "unused pieces"}};
  for (const auto& [is, what] : others) {
    if (is) return Invalid(where, ": ", std::string(what), " is not supported");
  }
  if (config.tokenizer_class.empty() || std::ranges::count(kClasses, config.tokenizer_class) > 0) return Ok();
  return Invalid(config.name, ": tokenizer_class \"", config.tokenizer_class,
                 "\" is not supported without a tokenizer.json; supported with tokenizer.model: LlamaTokenizer, "
                 "GemmaTokenizer, and their Fast forms");
}

Result<Vocabulary> MakeVocabulary(const SentencePieceFile& file, const std::string& where) {
  Vocabulary vocabulary;
  for (std::size_t id = 0; id < file.pieces.size(); ++id) {
    const std::string& text = file.pieces[id].text;
    if (!IsValidUtf8(text)) return Invalid(where, ": piece ", id, " is not UTF-8");
    const Status added = vocabulary.Add(text, static_cast<std::int64_t>(id));
    if (!added) return Invalid(where, ": ", added.error().message);
  }
  return vocabulary;
}

// Pieces by score, best first; those of equal score have one rank, so that the leftmost merges first.
std::vector<std::uint32_t> RankPieces(const std::vector<SentencePiece>& pieces) {
  std::vector<std::uint32_t> order(pieces.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, std::greater(), [&](std::uint32_t id) { return pieces[id].score; });
  std::vector<std::uint32_t> ranks(pieces.size());
  std::uint32_t rank = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && pieces[order[i]].score != pieces[order[i - 1]].score) ++rank;
    ranks[order[i]] = rank;
  }
  return ranks;
}

MergeTable MakeMerges(const std::vector<SentencePiece>& pieces, const Vocabulary& vocabulary) {
  const std::vector<std::uint32_t> ranks = RankPieces(pieces);
  const auto normal = [&](std::string_view text) {
    const auto id = vocabulary.Find(text);
    const bool is = id && pieces[static_cast<std::size_t>(*id)].type == PieceType::kNormal;
    return is ? *id : Vocabulary::kNone;
  };
  MergeTable merges;
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    const std::string_view text = pieces[id].text;
    if (pieces[id].type != PieceType::kNormal) continue;
    for (std::size_t at = 1; at < text.size(); ++at) {
      if (IsContinuation(text[at])) continue;
      const TokenId left = normal(text.substr(0, at));
      const TokenId right = left == Vocabulary::kNone ? left : normal(text.substr(at));
      if (right != Vocabulary::kNone) merges.Add(left, right, {ranks[id], static_cast<TokenId>(id)});
    }
  }
  return merges;
}

Result<std::vector<AddedToken>> CollectAdded(const SentencePieceFile& file, const TokenizerConfig& config,
                                             const Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens = config.added;
  std::vector<AddedToken> of_file;
  for (std::size_t id = 0; id < file.pieces.size(); ++id) {
    const SentencePiece& piece = file.pieces[id];
    const bool special = piece.type == PieceType::kControl || piece.type == PieceType::kUnknown;
    if (!special && piece.type != PieceType::kUserDefined) continue;
    of_file.push_back(
        {.content = piece.text, .id = static_cast<TokenId>(id), .normalized = false, .special = special});
  }
  AddMissing(tokens, of_file);
  auto listed = ReadAddedTokensFile(std::filesystem::path(config.name).parent_path() / "added_tokens.json", config);
  if (!listed) return listed.error();
  AddMissing(tokens, *listed);
  AddNamedSpecial(tokens, config, vocabulary);
  const Status checked = CheckAddedTokens(tokens, vocabulary, config.name + ": added_tokens_decoder");
  if (!checked) return checked.error();
  return tokens;
}

// SentencePiece itself puts a blank in front of a text once; LLaMA's tokenizer, as most models were trained with, in
// front of every part between special tokens, unless "legacy" is false.
void SetBlanks(const SentencePieceFile& file, bool legacy, Normalizer& normalizer, PreTokenizer& pre_tokenizer) {
  const std::string blank(kBlank);
  if (file.add_dummy_prefix && legacy) {
    normalizer = Normalizer({PrependStep{blank}, ReplaceStep{" ", blank}});
    return;
  }
  const PrependScheme scheme = file.add_dummy_prefix ? PrependScheme::kFirst : PrependScheme::kNever;
  pre_tokenizer = PreTokenizer({MetaspaceStep{blank, scheme, false, true}});
}

Decoder MakeDecoder(const SentencePieceFile& file) {
  return Decoder({ReplaceInToken{std::string(kBlank), " "}}, ByteRule::kFallback,
                 StripEnds{" ", file.add_dummy_prefix ? std::size_t{1} : 0, 0});
}

}  // namespace

PipelineResult ReadSentencePiece(const std::filesystem::path& path, const std::filesystem::path& config_path) {
  auto config = ReadTokenizerConfig(config_path);
  if (!config) return config.error();
  const std::string name = path.string();
  const auto mapped = checkpoint::MappedFile::Open(path, MiB(64));
  if (!mapped) return mapped.error();
  const auto file = ParseSentencePiece(mapped->text(), name);
  if (!file) return file.error();
  if (Status checked = CheckSupported(*file, *config, name); !checked) return checked.error();
  auto vocabulary = MakeVocabulary(*file, name);
  if (!vocabulary) return vocabulary.error();
  if (config->bos.empty()) config->bos = file->bos_piece;
  if (config->eos.empty()) config->eos = file->eos_piece;
  auto added = CollectAdded(*file, *config, *vocabulary);
  if (!added) return added.error();
  auto post_processor =
      MakeBosEos(*config, config->add_bos.value_or(true), config->add_eos.value_or(false), *added);
  if (!post_processor) return post_processor.error();
  MergeTable merges = MakeMerges(file->pieces, *vocabulary);
  BpeOptions options;
  options.unk_token = file->unk_piece;
  options.fuse_unk = true;
  options.byte_fallback = file->byte_fallback;
  auto model = Bpe::Create(std::move(*vocabulary), std::move(merges), std::move(options), name);
  if (!model) return model.error();

  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  SetBlanks(*file, config->legacy, normalizer, pre_tokenizer);
  AddedTokens all = MakeAddedTokens(std::move(*added), normalizer);
  return std::unique_ptr<const Pipeline>(new Pipeline{std::move(all), std::move(normalizer), std::move(pre_tokenizer),
                                                      std::move(*model), std::move(*post_processor),
                                                      MakeDecoder(*file)});
}

}  // namespace berth::text
