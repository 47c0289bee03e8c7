// ReadTokenizerJson: the stages as a tokenizer.json describes them.
#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"
#include "worker/text/pipeline.h"

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

Status CheckModelType(JsonFields& model) {
  const std::string type = model.String("type", InferModelType(model));
  if (!model.ok()) return model.error();
  if (type == "WordPiece") return Ok();
  if (type.empty()) return Invalid(model.where(), ": \"type\" is missing and cannot be inferred");
  return Invalid(model.where(), ": tokenizer model \"", type, "\" is not supported; supported: WordPiece");
}

// A stage's description; null when the file has none.
const json& StageOf(const JsonFields& file, std::string_view key) {
  static const json none;
  const json* found = file.Find(key);
  return found == nullptr ? none : *found;
}

AddedTokens MakeAddedTokens(std::vector<AddedToken> tokens, const Normalizer& normalizer) {
  Workspace workspace;
  return AddedTokens(std::move(tokens),
                     [&](std::string_view text) { return std::string(normalizer.Run(text, workspace)); });
}

}  // namespace

Result<std::unique_ptr<const Pipeline>> ReadTokenizerJson(const std::filesystem::path& path) {
  const auto content = checkpoint::ReadJsonFile(path);
  if (!content) return content.error();
  const std::string name = path.string();
  JsonFields file(*content, name);
  JsonFields model_fields(file.Object("model"), name + ": model");
  const json& added_list = file.Array("added_tokens", false);
  if (!file.ok()) return file.error();
  if (Status checked = CheckModelType(model_fields); !checked) return checked.error();

  auto normalizer = Normalizer::Parse(StageOf(file, "normalizer"), name + ": normalizer");
  if (!normalizer) return normalizer.error();
  auto pre_tokenizer = PreTokenizer::Parse(StageOf(file, "pre_tokenizer"), name + ": pre_tokenizer");
  if (!pre_tokenizer) return pre_tokenizer.error();
  auto decoder = Decoder::Parse(StageOf(file, "decoder"), name + ": decoder");
  if (!decoder) return decoder.error();
  auto model = WordPiece::Parse(file.Object("model"), name + ": model");
  if (!model) return model.error();
  auto added = ParseAddedTokens(added_list, model->vocabulary(), name + ": added_tokens");
  if (!added) return added.error();

  auto pipeline = std::make_unique<Pipeline>(Pipeline{MakeAddedTokens(std::move(*added), *normalizer),
                                                      std::move(*normalizer),
                                                      std::move(*pre_tokenizer),
                                                      std::move(*model),
                                                      {},
                                                      std::move(*decoder)});
  auto post_processor = PostProcessor::Parse(StageOf(file, "post_processor"), name + ": post_processor",
                                             [&pipeline](TokenId id) { return pipeline->TokenText(id); });
  if (!post_processor) return post_processor.error();
  pipeline->post_processor = std::move(*post_processor);
  return std::unique_ptr<const Pipeline>(std::move(pipeline));
}

}  // namespace berth::text
