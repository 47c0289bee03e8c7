// ReadVocabMerges: a byte-level tokenizer from vocab.json and merges.txt, GPT-2's own form. These files do not say how a
// text is cut; the tokenizer_class of tokenizer_config.json does.
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <utility>

#include "worker/checkpoint/json_file.h"
#include "worker/checkpoint/mapped_file.h"
#include "worker/text/pipeline.h"
#include "worker/text/tokenizer_config.h"
#include "worker/text/utf8.h"
#include "worker/text/vocabulary_json.h"


namespace berth::text {
namespace {

constexpr std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// What a tokenizer_class means, where the configuration says nothing else.
struct BpeClass {
  std::string_view name;
  std::string_view pattern;  // "": GPT-2's
  bool nfc;                  // texts are composed first
  bool may_add_bos;          // it knows add_bos_token
  std::string_view special;  // its one special token
};

constexpr std::array<BpeClass, 2> kClasses = {{
    {"GPT2Tokenizer", "", false, true, "<|endoftext|>"},
    {"Qwen2Tokenizer", kQwen2Pattern, true, false, "<|endoftext|>"},
}};

// No class at all is GPT-2, as it was before files named one.
Result<const BpeClass*> FindClass(const TokenizerConfig& config) {
  if (config.tokenizer_class.empty()) return &kClasses[0];
  const auto found = std::ranges::find(kClasses, config.tokenizer_class, &BpeClass::name);
  if (found != kClasses.end()) return &*found;
  return Invalid(config.name, ": tokenizer_class \"", config.tokenizer_class,
                 "\" is not supported without a tokenizer.json; supported with vocab.json and merges.txt: "
                 "GPT2Tokenizer, Qwen2Tokenizer, and their Fast forms");
}

Status CheckBosEos(const TokenizerConfig& config, const BpeClass& type) {
  const bool bos = config.add_bos.value_or(false) && !type.may_add_bos;
  if (!bos && !config.add_eos.value_or(false)) return Ok();
  return Invalid(config.name, ": ", bos ? "add_bos_token" : "add_eos_token", " true is not supported by a ",
                 std::string(type.name));
}

Result<PreTokenizer> MakePreTokenizer(const BpeClass& type, bool add_prefix_space) {
  std::vector<PreTokenizerStep> steps;
  ByteLevelStep byte_level{add_prefix_space, Gpt2Pattern()};
  if (!type.pattern.empty()) {
    byte_level.pattern = std::nullopt;
    auto pattern = Regex::Compile(type.pattern, std::string(type.name));
    if (!pattern) return pattern.error();
    steps.emplace_back(RegexSplit{std::move(*pattern), Cut::kIsolated});
  }
  steps.emplace_back(std::move(byte_level));
  return PreTokenizer(std::move(steps));
}

// A merge a line; a line "#version: …" is none.
Result<MergeTable> ReadMerges(const std::filesystem::path& path, const Vocabulary& vocabulary) {
  const auto file = checkpoint::MappedFile::Open(path, MiB(256));
  if (!file) return file.error();
  MergeReader reader(vocabulary, "");
  std::size_t number = 0;
  for (std::string_view rest = file->text(); !rest.empty();) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    if (!IsValidUtf8(line)) return Invalid(path.string(), ":", number, ": is not UTF-8; convert the file");
    if (Status added = reader.AddLine(line); !added) {
      return Invalid(path.string(), ":", number, ": ", added.error().message);
    }
  }
  return reader.TakeTable();
}

Result<std::vector<AddedToken>> CollectAdded(const TokenizerConfig& config, const BpeClass& type,
                                             const std::filesystem::path& dir, const Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens = config.added;
  auto listed = ReadAddedTokensFile(dir / "added_tokens.json", config);
  if (!listed) return listed.error();
  AddMissing(tokens, *listed);
  AddNamedSpecial(tokens, config, vocabulary);
  if (const auto id = vocabulary.Find(type.special)) {
    AddMissing(tokens, {{.content = std::string(type.special), .id = *id, .normalized = false, .special = true}});
  }
  const Status checked = CheckAddedTokens(tokens, vocabulary, config.name + ": added_tokens_decoder");
  if (!checked) return checked.error();
  return tokens;
}

}  // namespace

PipelineResult ReadVocabMerges(const std::filesystem::path& vocab, const std::filesystem::path& merges_path,
                               const std::filesystem::path& config_path) {
  auto config = ReadTokenizerConfig(config_path);
  if (!config) return config.error();
  const auto type = FindClass(*config);
  if (!type) return type.error();
  if (Status checked = CheckBosEos(*config, **type); !checked) return checked.error();
  const auto tokens = checkpoint::ReadJsonFile(vocab);
  if (!tokens) return tokens.error();
  auto vocabulary = ParseVocabulary(*tokens, vocab.string());
  if (!vocabulary) return vocabulary.error();
  auto merges = ReadMerges(merges_path, *vocabulary);
  if (!merges) return merges.error();
  auto added = CollectAdded(*config, **type, vocab.parent_path(), *vocabulary);
  if (!added) return added.error();
  if (config->bos.empty()) config->bos = (*type)->special;
  auto post_processor = MakeBosEos(*config, config->add_bos.value_or(false), false, *added);
  if (!post_processor) return post_processor.error();
  auto pre_tokenizer = MakePreTokenizer(**type, config->add_prefix_space);
  if (!pre_tokenizer) return pre_tokenizer.error();
  auto model = Bpe::Create(std::move(*vocabulary), std::move(*merges), {}, vocab.string());
  if (!model) return model.error();

  Normalizer normalizer;
  if ((*type)->nfc) normalizer = Normalizer({UnicodeFormStep{UTF8PROC_STABLE | UTF8PROC_COMPOSE}});
  AddedTokens all = MakeAddedTokens(std::move(*added), normalizer);
  return std::unique_ptr<const Pipeline>(new Pipeline{std::move(all), std::move(normalizer), std::move(*pre_tokenizer),
                                                      std::move(*model), std::move(*post_processor),
                                                      Decoder({}, ByteRule::kByteLevel)});
}

}  // namespace berth::text
