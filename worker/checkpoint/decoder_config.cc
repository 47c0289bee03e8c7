#include "worker/checkpoint/decoder_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"
#include "worker/checkpoint/token_ids.h"

namespace berth::checkpoint {
namespace {

// Bounds that no published decoder comes near, low enough that products of any two stay far from overflow.
constexpr std::int64_t kWidthLimit = std::int64_t{1} << 18;
constexpr std::int64_t kLayerLimit = 1'000;
constexpr std::int64_t kVocabLimit = std::int64_t{1} << 24;
constexpr std::int64_t kPositionLimit = std::int64_t{1} << 30;
constexpr std::int64_t kHeadLimit = 512;  // worker/kernels/decoder_ops.h

// What a family's published code fixes, or takes where config.json says nothing.
struct FamilyRow {
  std::string_view architecture;
  std::string_view model_type;
  DecoderFamily family;
  bool qkv_bias;          // fixed: its code has no attention_bias
  bool qk_norm;           // fixed
  bool mlp_bias;          // whether config.json may ask for it
  bool windows;           // whether use_sliding_window is known
  std::int64_t head_dim;  // 0: hidden_size / num_attention_heads
  std::int64_t positions;
};

constexpr std::array<FamilyRow, 4> kFamilies = {{
    {"LlamaForCausalLM", "llama", DecoderFamily::kLlama, false, false, true, false, 0, 2'048},
    {"LLaMAForCausalLM", "llama", DecoderFamily::kLlama, false, false, true, false, 0, 2'048},  // of early conversions
    {"Qwen2ForCausalLM", "qwen2", DecoderFamily::kQwen2, true, false, false, true, 0, 32'768},
    {"Qwen3ForCausalLM", "qwen3", DecoderFamily::kQwen3, false, true, false, true, 128, 32'768},
}};

std::string Supported() { return "; supported: LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM"; }

// The one name under "architectures"; some files have model_type alone.
const FamilyRow& ReadFamily(JsonFields& fields) {
  const auto& names = fields.Array("architectures", false);
  if (names.size() > 1 || (names.size() == 1 && !names[0].is_string())) {
    fields.Fail("\"architectures\" must hold one name");
    return kFamilies.front();
  }
  const std::string name = names.empty() ? "" : names[0].get<std::string>();
  const std::string type = fields.String("model_type", names.empty() ? std::nullopt : std::optional<std::string>(""));
  const auto row = names.empty() ? std::ranges::find(kFamilies, type, &FamilyRow::model_type)
                                 : std::ranges::find(kFamilies, name, &FamilyRow::architecture);
  if (row == kFamilies.end()) {
    fields.Fail((names.empty() ? "model_type \"" + type : "architecture \"" + name) + "\" is not supported" +
                Supported());
    return kFamilies.front();
  }
  if (!type.empty() && type != row->model_type) {
    fields.Fail("model_type \"" + type + "\" does not belong to architecture \"" + name + "\", whose model_type is \"" +
                std::string(row->model_type) + "\"");
  }
  return *row;
}

// Values under which this decoder's arithmetic would be another one.
void RefuseOtherArithmetic(JsonFields& fields) {
  if (fields.Find("quantization_config") != nullptr) {
    fields.Fail("quantization_config is not supported; use the model's unquantized weights");
  }
  if (fields.Find("auto_map") != nullptr) {
    fields.Fail("auto_map asks for the model's own Python code, which is not supported");
  }
  for (const std::string_view key : {"is_encoder_decoder", "add_cross_attention"}) {
    if (fields.Bool(key, false)) fields.Fail(std::string(key) + " true is not supported: this is not a decoder alone");
  }
  if (!fields.Object("pruned_heads", false).empty()) {
    fields.Fail("pruned_heads is not supported; save the model without pruning");
  }
  const std::string activation = fields.String("hidden_act", "silu");
  if (activation != "silu" && activation != "swish") {
    fields.Fail("hidden_act \"" + activation + "\" is not supported; supported: silu, swish");
  }
}

void ReadSizes(JsonFields& fields, const FamilyRow& row, DecoderConfig& config) {
  config.vocab_size = fields.Integer("vocab_size", 1, kVocabLimit);
  config.hidden_size = fields.Integer("hidden_size", 1, kWidthLimit);
  config.layers = fields.Integer("num_hidden_layers", 1, kLayerLimit);
  config.heads = fields.Integer("num_attention_heads", 1, kWidthLimit);
  // Qwen's published code has 32 where the file is silent, whatever the other numbers are: nobody means that.
  const auto fallback = row.family == DecoderFamily::kLlama ? std::optional(config.heads) : std::nullopt;
  config.kv_heads = fields.Integer("num_key_value_heads", 1, kWidthLimit, fallback);
  config.intermediate_size = fields.Integer("intermediate_size", 1, 8 * kWidthLimit);
  config.positions = fields.Integer("max_position_embeddings", 1, kPositionLimit, row.positions);
  config.norm_eps = fields.Number("rms_norm_eps", 0, 1, 1e-6);
  if (!fields.ok()) return;
  if (config.heads % config.kv_heads != 0) {
    fields.Fail("num_attention_heads " + std::to_string(config.heads) + " is not a multiple of num_key_value_heads " +
                std::to_string(config.kv_heads));
  }
  const bool derived = fields.Find("head_dim") == nullptr && row.head_dim == 0;
  if (derived && config.hidden_size % config.heads != 0) {
    fields.Fail("hidden_size " + std::to_string(config.hidden_size) + " is not a multiple of num_attention_heads " +
                std::to_string(config.heads) + ", and there is no head_dim");
  }
  config.head_size = derived ? config.hidden_size / config.heads
                             : fields.Integer("head_dim", 1, kHeadLimit, row.head_dim);
  if (derived && config.head_size > kHeadLimit) {
    fields.Fail("heads of " + std::to_string(config.head_size) + " components (hidden_size / num_attention_heads) are "
                "not supported; at most " + std::to_string(kHeadLimit));
  }
  if (config.query_size() > kWidthLimit) {
    fields.Fail(std::to_string(config.heads) + " heads of " + std::to_string(config.head_size) +
                " components are together wider than " + std::to_string(kWidthLimit));
  }
}

void ReadBiases(JsonFields& fields, const FamilyRow& row, DecoderConfig& config) {
  const bool bias = fields.Bool("attention_bias", row.qkv_bias);
  config.qk_norm = row.qk_norm;
  config.qkv_bias = row.qkv_bias || bias;
  config.output_bias = bias && !row.qkv_bias;
  if (row.qkv_bias && !bias) {
    fields.Fail("attention_bias false is not supported: " + std::string(row.architecture) +
                " has biases of queries, keys and values");
  }
  config.mlp_bias = fields.Bool("mlp_bias", false);
  if (config.mlp_bias && !row.mlp_bias) {
    fields.Fail("mlp_bias true is not supported: " + std::string(row.architecture) + " has none");
  }
}

// layer_types says of each layer whether it has the window; without it, those from max_window_layers on have.
std::vector<bool> SlidingLayers(JsonFields& fields, bool use, std::int64_t layers) {
  std::vector<bool> sliding(static_cast<std::size_t>(layers));
  if (fields.Find("layer_types") == nullptr) {
    const std::int64_t full = use ? fields.Integer("max_window_layers", 0, kLayerLimit, 28) : layers;
    for (std::int64_t i = full; i < layers; ++i) sliding[static_cast<std::size_t>(i)] = true;
    return sliding;
  }
  const auto& types = fields.Array("layer_types");
  if (types.size() != sliding.size()) {
    fields.Fail("layer_types holds " + std::to_string(types.size()) + " names for " + std::to_string(layers) +
                " layers");
    return sliding;
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    sliding[i] = types[i] == "sliding_attention";
    if (sliding[i] || types[i] == "full_attention") continue;
    fields.Fail("layer_types: " + types[i].dump().substr(0, 80) +
                " is not supported; supported: full_attention, sliding_attention");
  }
  return sliding;
}

void ReadWindows(JsonFields& fields, const FamilyRow& row, DecoderConfig& config) {
  config.windows.assign(static_cast<std::size_t>(config.layers), 0);
  const bool use = fields.Bool("use_sliding_window", false);
  if (!row.windows && (use || fields.Find("sliding_window") != nullptr)) {
    fields.Fail("sliding_window is not supported: " + std::string(row.architecture) + " has none");
  }
  const std::vector<bool> sliding = SlidingLayers(fields, use, config.layers);
  if (!fields.ok() || std::ranges::count(sliding, true) == 0) return;
  if (!use) {
    fields.Fail("layer_types has sliding_attention, and use_sliding_window is not true; remove the wrong one");
    return;
  }
  const std::int64_t window = fields.Integer("sliding_window", 1, kPositionLimit);
  for (std::size_t i = 0; i < sliding.size(); ++i) config.windows[i] = sliding[i] ? window : 0;
}

std::optional<Dtype> ReadDtype(JsonFields& fields) {
  const std::string old = fields.String("torch_dtype", ""), now = fields.String("dtype", old);
  if (!old.empty() && old != now) {
    fields.Fail("torch_dtype \"" + old + "\" and dtype \"" + now + "\" contradict each other; remove the wrong one");
  }
  if (now.empty()) return std::nullopt;
  if (now == "float32") return Dtype::F32;
  if (now == "float16") return Dtype::F16;
  if (now == "bfloat16") return Dtype::BF16;
  fields.Fail("dtype \"" + now + "\" is not supported; supported: float32, float16, bfloat16");
  return std::nullopt;
}

void ReadTokens(JsonFields& fields, DecoderConfig& config) {
  config.eos = ReadTokenIds(fields, "eos_token_id", config.vocab_size);
  const auto bos = ReadTokenIds(fields, "bos_token_id", config.vocab_size);
  if (bos.size() > 1) fields.Fail("\"bos_token_id\" holds several ids; one is needed");
  if (bos.size() == 1) config.bos = bos[0];
}

}  // namespace

Result<DecoderConfig> ParseDecoderConfig(const nlohmann::json& json, const std::string& name) {
  JsonFields fields(json, name);
  const FamilyRow& row = ReadFamily(fields);
  DecoderConfig config;
  config.family = row.family;
  config.architecture = row.architecture;
  RefuseOtherArithmetic(fields);
  ReadSizes(fields, row, config);
  ReadBiases(fields, row, config);
  config.tied = fields.Bool("tie_word_embeddings", false);
  ReadWindows(fields, row, config);
  config.dtype = ReadDtype(fields);
  ReadTokens(fields, config);
  if (!fields.ok()) return fields.error();
  auto rope = ParseRopeConfig(json, name, config.head_size, config.positions);
  if (!rope) return rope.error();
  config.rope = std::move(*rope);
  if (config.rope.type == RopeType::kYarn) {
    const double extended = static_cast<double>(config.rope.original_positions) * config.rope.factor;
    const auto most = static_cast<std::int64_t>(std::min(extended, static_cast<double>(kPositionLimit)));
    config.positions = std::max(config.positions, most);
  }
  return config;
}

Result<DecoderConfig> ReadDecoderConfig(const std::filesystem::path& dir) {
  const auto path = dir / "config.json";
  const auto json = ReadJsonFile(path, {.size = MiB(4)});
  if (!json) return json.error();
  return ParseDecoderConfig(*json, path.string());
}

bool IsDecoder(const std::filesystem::path& dir) {
  const auto json = ReadJsonFile(dir / "config.json", {.size = MiB(4)});
  if (!json || !json->is_object()) return false;
  const auto names = json->find("architectures");
  if (names != json->end() && names->is_array() && !names->empty()) {
    const auto& name = names->front();
    return name.is_string() && name.get_ref<const std::string&>().ends_with("ForCausalLM");
  }
  const auto type = json->find("model_type");
  return type != json->end() && type->is_string() &&
         std::ranges::find(kFamilies, type->get_ref<const std::string&>(), &FamilyRow::model_type) != kFamilies.end();
}

}  // namespace berth::checkpoint
