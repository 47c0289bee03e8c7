#include "worker/checkpoint/encoder_config.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"

namespace berth::checkpoint {
namespace {

// Bounds that no published encoder comes near, low enough that products of any two stay far from overflow.
constexpr std::int64_t kWidthLimit = 65'536;
constexpr std::int64_t kLayerLimit = 1'000;
constexpr std::int64_t kVocabLimit = std::int64_t{1} << 24;
constexpr std::int64_t kPositionLimit = std::int64_t{1} << 20;

// The bare encoder, and the classes whose checkpoints contain it beside a head that sentence vectors do not
// use.
constexpr std::array<std::string_view, 6> kArchitectures = {"BertModel",
                                                            "BertForMaskedLM",
                                                            "BertForPreTraining",
                                                            "BertForSequenceClassification",
                                                            "BertForTokenClassification",
                                                            "BertForQuestionAnswering"};

struct ActivationName {
  std::string_view name;
  Activation activation;
};

constexpr std::array<ActivationName, 7> kActivations = {{{"gelu", Activation::kGelu},
                                                         {"gelu_python", Activation::kGelu},
                                                         {"gelu_new", Activation::kGeluTanh},
                                                         {"gelu_pytorch_tanh", Activation::kGeluTanh},
                                                         {"relu", Activation::kRelu},
                                                         {"silu", Activation::kSilu},
                                                         {"swish", Activation::kSilu}}};

template <class Rows, class Projection>
std::string List(const Rows& rows, Projection name) {
  std::string list;
  for (const auto& row : rows) list += (list.empty() ? "" : ", ") + std::string(name(row));
  return list;
}

std::string ArchitectureList() {
  return List(kArchitectures, [](std::string_view name) { return name; });
}

std::string ReadArchitecture(JsonFields& fields) {
  const auto& names = fields.Array("architectures", false);
  if (names.empty()) return "BertModel";  // older files have model_type alone
  if (names.size() != 1 || !names[0].is_string()) {
    fields.Fail("\"architectures\" must hold one name; supported: " + ArchitectureList());
    return "";
  }
  return names[0].get<std::string>();
}

void CheckArchitecture(JsonFields& fields, const std::string& architecture) {
  if (std::ranges::find(kArchitectures, architecture) == kArchitectures.end()) {
    fields.Fail("architecture \"" + architecture + "\" is not supported; supported: " + ArchitectureList());
  }
  const bool named = fields.Find("architectures") != nullptr;
  const std::string type = named ? fields.String("model_type", "bert") : fields.String("model_type");
  if (type != "bert") fields.Fail("model_type \"" + type + "\" is not supported; supported: bert");
}

Activation ReadActivation(JsonFields& fields) {
  const std::string name = fields.String("hidden_act");
  const auto found = std::ranges::find(kActivations, name, &ActivationName::name);
  if (found != kActivations.end()) return found->activation;
  fields.Fail("hidden_act \"" + name + "\" is not supported; supported: " +
              List(kActivations, [](const ActivationName& row) { return row.name; }));
  return Activation::kGelu;
}

// Values under which this encoder's arithmetic would be another one.
void RefuseOtherArithmetic(JsonFields& fields) {
  const std::string position = fields.String("position_embedding_type", "absolute");
  if (position != "absolute") {
    fields.Fail("position_embedding_type \"" + position + "\" is not supported; supported: absolute");
  }
  for (const std::string_view key : {"is_decoder", "add_cross_attention", "is_encoder_decoder"}) {
    if (fields.Bool(key, false))
      fields.Fail(std::string(key) + " true is not supported: this is not an encoder");
  }
  if (fields.Find("quantization_config") != nullptr) {
    fields.Fail("quantization_config is not supported; use the model's unquantized weights");
  }
  if (fields.Find("auto_map") != nullptr) {
    fields.Fail("auto_map asks for the model's own Python code, which is not supported");
  }
  if (!fields.Object("pruned_heads", false).empty()) {
    fields.Fail("pruned_heads is not supported; save the model without pruning");
  }
}

void CheckHeads(JsonFields& fields, const EncoderConfig& config) {
  if (!fields.ok() || config.hidden_size % config.heads == 0) return;
  fields.Fail("hidden_size " + std::to_string(config.hidden_size) +
              " is not a multiple of num_attention_heads " + std::to_string(config.heads));
}

}  // namespace

Result<EncoderConfig> ParseEncoderConfig(const nlohmann::json& json, const std::string& name) {
  JsonFields fields(json, name);
  EncoderConfig config;
  config.architecture = ReadArchitecture(fields);
  CheckArchitecture(fields, config.architecture);
  RefuseOtherArithmetic(fields);
  config.vocab_size = fields.Integer("vocab_size", 1, kVocabLimit);
  config.hidden_size = fields.Integer("hidden_size", 1, kWidthLimit);
  config.layers = fields.Integer("num_hidden_layers", 1, kLayerLimit);
  config.heads = fields.Integer("num_attention_heads", 1, kWidthLimit);
  config.intermediate_size = fields.Integer("intermediate_size", 1, 8 * kWidthLimit);
  config.positions = fields.Integer("max_position_embeddings", 1, kPositionLimit);
  config.token_types = fields.Integer("type_vocab_size", 1, 1024, 2);
  config.activation = ReadActivation(fields);
  config.layer_norm_eps = fields.Number("layer_norm_eps", 0, 1, 1e-12);
  CheckHeads(fields, config);
  if (!fields.ok()) return fields.error();
  return config;
}

Result<EncoderConfig> ReadEncoderConfig(const std::filesystem::path& dir) {
  const auto path = dir / "config.json";
  const auto json = ReadJsonFile(path, {.size = MiB(4)});
  if (!json) return json.error();
  return ParseEncoderConfig(*json, path.string());
}

}  // namespace berth::checkpoint
