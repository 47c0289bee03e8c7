#include "worker/checkpoint/encoder_config.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"

namespace berth::checkpoint {
namespace {

// Bounds that no published encoder comes near, low enough that products of any two stay far from overflow.
constexpr std::int64_t kWidthLimit = 65'536;
constexpr std::int64_t kLayerLimit = 1'000;
constexpr std::int64_t kVocabLimit = std::int64_t{1} << 24;
constexpr std::int64_t kPositionLimit = std::int64_t{1} << 20;

// How a family spells its numbers.
struct Keys {
  Family family;
  std::string_view hidden_size, layers, heads, intermediate_size, activation;
};

constexpr std::array<Keys, 3> kKeys = {{
    {Family::kBert, "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
     "hidden_act"},
    {Family::kDistilBert, "dim", "n_layers", "n_heads", "hidden_dim", "activation"},
    {Family::kMpnet, "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
     "hidden_act"},
}};

// Fixed by the families' published code.
constexpr std::int64_t kMpnetPaddingIndex = 1;
constexpr std::int64_t kMpnetBuckets = 32;
constexpr double kUsualEps = 1e-12;

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

// The one name under "architectures"; older files have model_type alone.
Architecture ReadArchitecture(JsonFields& fields) {
  const auto& names = fields.Array("architectures", false);
  if (names.empty()) {
    const std::string type = fields.String("model_type");
    const auto family = FindFamily(type);
    if (!family) fields.Fail("model_type \"" + type + "\" " + WhyRefused(type));
    return BareEncoder(family.value_or(Family::kBert));
  }
  const bool one = names.size() == 1 && names[0].is_string();
  if (!one) fields.Fail("\"architectures\" must hold one name");
  const std::string name = one ? names[0].get<std::string>() : "";
  const auto found = FindArchitecture(name);
  if (!found) fields.Fail("architecture \"" + name + "\" " + WhyRefused(name));
  return found.value_or(BareEncoder(Family::kBert));
}

void CheckModelType(JsonFields& fields, const Architecture& architecture) {
  const std::string expected(ModelType(architecture.family));
  const std::string type = fields.String("model_type", expected);
  if (type == expected) return;
  fields.Fail("model_type \"" + type + "\" does not belong to architecture \"" +
              std::string(architecture.name) + "\", whose model_type is \"" + expected + "\"");
}

// A head with one label scores; any other classifies. Without a word there are two labels.
void CheckLabels(JsonFields& fields, const Architecture& architecture) {
  if (architecture.task != Task::kRanking) return;
  const std::int64_t labels = fields.Find("id2label") != nullptr
                                  ? static_cast<std::int64_t>(fields.Object("id2label").size())
                                  : fields.Integer("num_labels", 0, kVocabLimit, 2);
  if (labels == 1) return;
  fields.Fail("architecture \"" + std::string(architecture.name) + "\" with " + std::to_string(labels) +
              " labels (id2label, num_labels) is not supported: classification is not served; a reranker has "
              "1 label, and an embedding model has the architecture \"" +
              std::string(BareEncoder(architecture.family).name) + "\"");
}

Activation ReadActivation(JsonFields& fields, std::string_view key) {
  const std::string name = fields.String(key);
  const auto found = std::ranges::find(kActivations, name, &ActivationName::name);
  if (found != kActivations.end()) return found->activation;
  fields.Fail(std::string(key) + " \"" + name + "\" is not supported; supported: " +
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

// The reference takes DistilBERT's numbers under their usual names, too, and the last one read wins.
void RefuseContradictions(JsonFields& fields, const Keys& keys) {
  const Keys& usual = kKeys.front();
  const std::pair<std::string_view, std::string_view> pairs[] = {
      {keys.hidden_size, usual.hidden_size}, {keys.layers, usual.layers}, {keys.heads, usual.heads}};
  for (const auto& [own, other] : pairs) {
    const auto* value = fields.Find(own);
    const auto* rival = fields.Find(other);
    if (value == nullptr || rival == nullptr || *value == *rival) continue;
    fields.Fail(std::string(own) + " " + value->dump() + " and " + std::string(other) + " " + rival->dump() +
                " contradict each other; remove the wrong one");
  }
}

void ReadSizes(JsonFields& fields, const Keys& keys, EncoderConfig& config) {
  RefuseContradictions(fields, keys);
  config.vocab_size = fields.Integer("vocab_size", 1, kVocabLimit);
  config.hidden_size = fields.Integer(keys.hidden_size, 1, kWidthLimit);
  config.layers = fields.Integer(keys.layers, 1, kLayerLimit);
  config.heads = fields.Integer(keys.heads, 1, kWidthLimit);
  config.intermediate_size = fields.Integer(keys.intermediate_size, 1, 8 * kWidthLimit);
  config.activation = ReadActivation(fields, keys.activation);
  if (!fields.ok() || config.hidden_size % config.heads == 0) return;
  fields.Fail(std::string(keys.hidden_size) + " " + std::to_string(config.hidden_size) +
              " is not a multiple of " + std::string(keys.heads) + " " + std::to_string(config.heads));
}

void ReadTokenTypes(JsonFields& fields, EncoderConfig& config) {
  config.token_types = fields.Integer("type_vocab_size", 1, 1024, 2);
  if (config.task == Task::kRanking && config.token_types < 2) {
    fields.Fail("type_vocab_size 1 is not supported for a reranker: the second text has token type 1");
  }
}

// The published code computes buckets for 32 whatever the table's size is.
void ReadRelativeBias(JsonFields& fields, EncoderConfig& config) {
  config.padding_index = kMpnetPaddingIndex;
  config.relative_buckets = fields.Integer("relative_attention_num_buckets", 1, kWidthLimit, kMpnetBuckets);
  if (config.relative_buckets != kMpnetBuckets) {
    fields.Fail("relative_attention_num_buckets " + std::to_string(config.relative_buckets) +
                " is not supported; supported: " + std::to_string(kMpnetBuckets));
  }
}

}  // namespace

Result<EncoderConfig> ParseEncoderConfig(const nlohmann::json& json, const std::string& name) {
  JsonFields fields(json, name);
  const Architecture architecture = ReadArchitecture(fields);
  EncoderConfig config;
  config.family = architecture.family;
  config.task = architecture.task;
  config.architecture = architecture.name;
  CheckModelType(fields, architecture);
  CheckLabels(fields, architecture);
  RefuseOtherArithmetic(fields);
  ReadSizes(fields, *std::ranges::find(kKeys, config.family, &Keys::family), config);
  if (config.family == Family::kBert) ReadTokenTypes(fields, config);
  if (config.family == Family::kMpnet) ReadRelativeBias(fields, config);
  // DistilBERT's code has the usual number and does not read the key.
  config.layer_norm_eps =
      config.family == Family::kDistilBert ? kUsualEps : fields.Number("layer_norm_eps", 0, 1, kUsualEps);
  config.positions = fields.Integer("max_position_embeddings", config.padding_index + 2, kPositionLimit);
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
