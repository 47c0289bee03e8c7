// ReadVocabTxt: a tokenizer of BERT's kind from vocab.txt and tokenizer_config.json, for models without a
// tokenizer.json.
#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"
#include "worker/checkpoint/mapped_file.h"
#include "worker/text/pipeline.h"
#include "worker/text/tokenizer_config.h"
#include "worker/text/utf8.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;
using nlohmann::json;

struct SpecialNames {
  std::string unk, cls, sep, pad, mask;
};

// What a tokenizer_class of tokenizer_config.json means, where that file says nothing else.
struct TokenizerClass {
  std::string_view name;  // "…Fast" is the same
  SpecialNames special;
  bool mask_takes_blank;  // the white space before a mask belongs to it
  PostProcessor (*post_processor)(TokenId cls, TokenId sep);
};

const SpecialNames kBertNames = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
const SpecialNames kMpnetNames = {"[UNK]", "<s>", "</s>", "<pad>", "<mask>"};

const std::array<TokenizerClass, 3> kClasses = {{
    {"BertTokenizer", kBertNames, false, PostProcessor::Bert},
    {"DistilBertTokenizer", kBertNames, false, PostProcessor::Bert},
    {"MPNetTokenizer", kMpnetNames, true, PostProcessor::Roberta},
}};

struct Config {
  BertOptions normalizer;
  const TokenizerClass* type = &kClasses[0];
  SpecialNames special = kClasses[0].special;
  std::vector<AddedToken> added;  // of added_tokens_decoder
};

const TokenizerClass* ReadClass(JsonFields& fields) {
  const std::string name = fields.String("tokenizer_class", "BertTokenizer");
  std::string_view base = name;
  if (base.ends_with("Fast")) base.remove_suffix(4);
  const auto found = std::ranges::find(kClasses, base, &TokenizerClass::name);
  if (found != kClasses.end()) return &*found;
  fields.Fail("tokenizer_class \"" + name +
              "\" is not supported without a tokenizer.json; supported: BertTokenizer, DistilBertTokenizer, "
              "MPNetTokenizer, and their Fast forms");
  return &kClasses[0];
}

void RefuseOtherSplitting(JsonFields& fields) {
  if (!fields.Bool("do_basic_tokenize", true)) fields.Fail("do_basic_tokenize false is not supported");
  const json* never_split = fields.Find("never_split");
  if (never_split != nullptr && !never_split->empty()) fields.Fail("never_split is not supported");
}

Result<Config> ReadConfig(const std::filesystem::path& path) {
  Config config;
  const auto content = checkpoint::ReadJsonFile(path, {.size = MiB(16)});
  if (!content && content.error().kind == ErrorKind::kNotFound) return config;
  if (!content) return content.error();
  JsonFields fields(*content, path.string());
  config.type = ReadClass(fields);
  RefuseOtherSplitting(fields);
  config.normalizer.lowercase = fields.Bool("do_lower_case", true);
  config.normalizer.strip_accents = fields.Bool("strip_accents", config.normalizer.lowercase);
  config.normalizer.handle_chinese_chars = fields.Bool("tokenize_chinese_chars", true);
  auto& special = config.special = config.type->special;
  special.unk = ReadSpecialToken(fields, "unk_token", special.unk);
  special.cls = ReadSpecialToken(fields, "cls_token", special.cls);
  special.sep = ReadSpecialToken(fields, "sep_token", special.sep);
  special.pad = ReadSpecialToken(fields, "pad_token", special.pad);
  special.mask = ReadSpecialToken(fields, "mask_token", special.mask);
  const json& added = fields.Object("added_tokens_decoder", false);
  if (!fields.ok()) return fields.error();
  auto tokens = ReadAddedTokensDecoder(added, path.string() + ": added_tokens_decoder");
  if (!tokens) return tokens.error();
  config.added = std::move(*tokens);
  return config;
}

// A line's token; lines may end in CR LF.
Result<Vocabulary> ReadLines(const std::filesystem::path& path) {
  const auto file = checkpoint::MappedFile::Open(path, MiB(256));
  if (!file) return file.error();
  Vocabulary vocabulary;
  std::int64_t id = 0;
  for (std::string_view rest = file->text(); !rest.empty(); ++id) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::string where = path.string() + ":" + std::to_string(id + 1) + ": ";
    if (!IsValidUtf8(line)) return Invalid(where, "is not UTF-8; convert the file");
    if (line.empty()) continue;  // keeps its number and matches nothing
    if (Status added = vocabulary.Add(line, id); !added) return Invalid(where, added.error().message);
  }
  return vocabulary;
}

// The file's own list, and the special tokens that it leaves out.
Result<std::vector<AddedToken>> CollectAdded(const Config& config, const Vocabulary& vocabulary,
                                             const std::string& where) {
  std::vector<AddedToken> tokens = config.added;
  std::set<std::string> listed;
  for (const AddedToken& token : tokens) listed.insert(token.content);
  const auto& special = config.special;
  for (const std::string& name : {special.unk, special.cls, special.sep, special.pad, special.mask}) {
    const auto id = vocabulary.Find(name);
    if (!id || !listed.insert(name).second) continue;
    const bool lstrip = config.type->mask_takes_blank && name == special.mask;
    tokens.push_back({.content = name, .id = *id, .lstrip = lstrip, .normalized = false, .special = true});
  }
  if (Status checked = CheckAddedTokens(tokens, vocabulary, where); !checked) return checked.error();
  return tokens;
}

Result<PostProcessor> MakePostProcessor(const Config& config, const Vocabulary& vocabulary,
                                        const std::string& where) {
  const SpecialNames& special = config.special;
  const auto cls = vocabulary.Find(special.cls);
  const auto sep = vocabulary.Find(special.sep);
  if (!cls || !sep) {
    return Invalid(where, ": the vocabulary of ", vocabulary.count(), " tokens lacks \"",
                   !cls ? special.cls : special.sep,
                   "\"; correct cls_token or sep_token in tokenizer_config.json");
  }
  return config.type->post_processor(*cls, *sep);
}

}  // namespace

PipelineResult ReadVocabTxt(const std::filesystem::path& vocab, const std::filesystem::path& config_path) {
  const auto config = ReadConfig(config_path);
  if (!config) return config.error();
  auto vocabulary = ReadLines(vocab);
  if (!vocabulary) return vocabulary.error();
  const std::string name = vocab.string();
  auto added = CollectAdded(*config, *vocabulary, config_path.string() + ": added_tokens_decoder");
  if (!added) return added.error();
  auto post_processor = MakePostProcessor(*config, *vocabulary, name);
  if (!post_processor) return post_processor.error();
  auto model = WordPiece::Create(std::move(*vocabulary), {.unk_token = config->special.unk}, name);
  if (!model) return model.error();

  Normalizer normalizer({BertNormalizer(config->normalizer)});
  AddedTokens tokens = MakeAddedTokens(std::move(*added), normalizer);
  return std::unique_ptr<const Pipeline>(new Pipeline{std::move(tokens), std::move(normalizer),
                                                      PreTokenizer({BertSplit{}}), std::move(*model),
                                                      std::move(*post_processor), Decoder({WordPieceJoin{"##", true}}, ByteRule::kNone)});
}

}  // namespace berth::text
