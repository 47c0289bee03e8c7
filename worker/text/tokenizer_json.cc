// ReadTokenizerJson: the stages as a tokenizer.json describes them.
#include <algorithm>
#include <array>
#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"
#include "worker/text/pipeline.h"
#include "worker/text/tokenizer_config.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;
using nlohmann::json;

// Some files lack model.type; what only one model has tells them apart.
std::string InferModelType(const JsonFields& model) {
  const json* vocab = model.Find("vocab");
  if (model.Find("merges") != nullptr) return "BPE";
  if (vocab != nullptr && vocab->is_array()) return "Unigram";
  if (model.Find("continuing_subword_prefix") != nullptr ||
      model.Find("max_input_chars_per_word") != nullptr) {
    return "WordPiece";
  }
  return "";
}

using Model = std::variant<WordPiece, Bpe>;

Result<Model> ParseModel(const json& model, const std::string& where) {
  JsonFields fields(model, where);
  const std::string type = fields.String("type", InferModelType(fields));
  if (!fields.ok()) return fields.error();
  const auto as_model = [](auto&& parsed) -> Result<Model> {
    if (!parsed) return parsed.error();
    return Model(std::move(*parsed));
  };
  if (type == "WordPiece") return as_model(WordPiece::Parse(model, where));
  if (type == "BPE") return as_model(Bpe::Parse(model, where));
  if (type.empty()) return Invalid(where, ": \"type\" is missing and cannot be inferred");
  return Invalid(where, ": tokenizer model \"", type, "\" is not supported; supported: WordPiece, BPE");
}

// A stage's description; null when the file has none.
const json& StageOf(const JsonFields& file, std::string_view key) {
  static const json none;
  const json* found = file.Find(key);
  return found == nullptr ? none : *found;
}

// Of these classes add_bos_token and add_eos_token overrule the file's post-processor, as in the original library.
constexpr std::array<std::string_view, 4> kBosEosClasses = {"LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer",
                                                            "CohereTokenizer"};

Result<PostProcessor> MakePostProcessor(const json& value, const std::string& where, const Pipeline& pipeline,
                                        const TokenizerConfig& config, const std::vector<AddedToken>& added) {
  auto parsed =
      PostProcessor::Parse(value, where, [&pipeline](TokenId id) { return pipeline.TokenText(id); });
  if (!parsed || (!config.add_bos && !config.add_eos)) return parsed;
  if (std::ranges::count(kBosEosClasses, config.tokenizer_class) == 0) return parsed;
  const auto has = [&](const std::vector<TokenId>& ids, const std::string& name) {
    return std::ranges::any_of(ids, [&](TokenId id) { return pipeline.TokenText(id) == name; });
  };
  return MakeBosEos(config, config.add_bos.value_or(has(parsed->prefix, config.bos)),
                    config.add_eos.value_or(has(parsed->suffix, config.eos)), added);
}

}  // namespace

PipelineResult ReadTokenizerJson(const std::filesystem::path& path, const std::filesystem::path& config_path) {
  const auto content = checkpoint::ReadJsonFile(path);
  if (!content) return content.error();
  const std::string name = path.string();
  JsonFields file(*content, name);
  const json& model_json = file.Object("model");
  const json& added_list = file.Array("added_tokens", false);
  if (!file.ok()) return file.error();

  auto normalizer = Normalizer::Parse(StageOf(file, "normalizer"), name + ": normalizer");
  if (!normalizer) return normalizer.error();
  auto pre_tokenizer = PreTokenizer::Parse(StageOf(file, "pre_tokenizer"), name + ": pre_tokenizer");
  if (!pre_tokenizer) return pre_tokenizer.error();
  auto decoder = Decoder::Parse(StageOf(file, "decoder"), name + ": decoder");
  if (!decoder) return decoder.error();
  auto model = ParseModel(model_json, name + ": model");
  if (!model) return model.error();
  const auto config = ReadTokenizerConfig(config_path);
  if (!config) return config.error();

  auto pipeline = std::make_unique<Pipeline>(
      Pipeline{{}, std::move(*normalizer), std::move(*pre_tokenizer), std::move(*model), {}, std::move(*decoder)});
  auto added = ParseAddedTokens(added_list, pipeline->vocabulary(), name + ": added_tokens");
  if (!added) return added.error();
  AddMissing(*added, config->added);
  if (Status checked = CheckAddedTokens(*added, pipeline->vocabulary(), config->name + ": added_tokens_decoder");
      !checked) {
    return checked.error();
  }
  pipeline->added = MakeAddedTokens(*added, pipeline->normalizer);
  auto post_processor = MakePostProcessor(StageOf(file, "post_processor"), name + ": post_processor", *pipeline,
                                          *config, *added);
  if (!post_processor) return post_processor.error();
  pipeline->post_processor = std::move(*post_processor);
  return std::unique_ptr<const Pipeline>(std::move(pipeline));
}

}  // namespace berth::text
