#include "worker/checkpoint/whisper_config.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"
#include "worker/checkpoint/token_ids.h"

namespace berth::checkpoint {
namespace {

// Bounds that no published model comes near.
constexpr std::int64_t kWidthLimit = 1 << 14;
constexpr std::int64_t kLayerLimit = 256;
constexpr std::int64_t kVocabLimit = 1 << 22;
constexpr std::int64_t kMelLimit = 1'024;
constexpr std::int64_t kPositionLimit = 1 << 14;
constexpr std::int64_t kHeadLimit = 512;  // worker/kernels/decoder_ops.h
constexpr std::string_view kArchitecture = "WhisperForConditionalGeneration";

void CheckArchitecture(JsonFields& fields) {
  const auto& names = fields.Array("architectures", false);
  const std::string type = fields.String("model_type", names.empty() ? std::nullopt : std::optional<std::string>("whisper"));
  if (type != "whisper") fields.Fail("model_type \"" + type + "\" is not supported for speech; supported: whisper");
  if (names.empty() || (names.size() == 1 && names[0] == kArchitecture)) return;
  fields.Fail("architectures " + nlohmann::json(names).dump().substr(0, 80) + " is not supported; supported: " +
              std::string(kArchitecture));
}

// Values under which the arithmetic would be another one. What only training reads (dropout, layerdrop, masks) is not.
void RefuseOtherArithmetic(JsonFields& fields) {
  if (fields.Find("quantization_config") != nullptr) {
    fields.Fail("quantization_config is not supported; use the model's unquantized weights");
  }
  if (fields.Find("auto_map") != nullptr) {
    fields.Fail("auto_map asks for the model's own Python code, which is not supported");
  }
  const std::string activation = fields.String("activation_function", "gelu");
  if (activation != "gelu") {
    fields.Fail("activation_function \"" + activation + "\" is not supported; supported: gelu");
  }
  if (fields.Bool("scale_embedding", false)) fields.Fail("scale_embedding true is not supported: no published model has it");
  if (fields.Bool("use_weighted_layer_sum", false)) {
    fields.Fail("use_weighted_layer_sum true is not supported: it belongs to classifiers");
  }
  if (!fields.Bool("is_encoder_decoder", true)) {
    fields.Fail("is_encoder_decoder false is not supported: this is not a whole Whisper model");
  }
  if (!fields.Object("pruned_heads", false).empty()) {
    fields.Fail("pruned_heads is not supported; save the model without pruning");
  }
}

void CheckHeads(JsonFields& fields, std::string_view key, std::int64_t heads, std::int64_t width) {
  if (heads == 0 || !fields.ok()) return;
  if (width % heads != 0) {
    fields.Fail("d_model " + std::to_string(width) + " is not a multiple of " + std::string(key) + " " +
                std::to_string(heads));
  } else if (width / heads > kHeadLimit) {
    fields.Fail("heads of " + std::to_string(width / heads) + " components (d_model / " + std::string(key) +
                ") are not supported; at most " + std::to_string(kHeadLimit));
  }
}

void ReadSizes(JsonFields& fields, WhisperConfig& config) {
  config.vocab_size = fields.Integer("vocab_size", 1, kVocabLimit);
  config.mels = fields.Integer("num_mel_bins", 1, kMelLimit, 80);
  config.width = fields.Integer("d_model", 2, kWidthLimit);
  config.encoder_layers = fields.Integer("encoder_layers", 1, kLayerLimit);
  config.encoder_heads = fields.Integer("encoder_attention_heads", 1, kWidthLimit);
  config.encoder_wide = fields.Integer("encoder_ffn_dim", 1, 8 * kWidthLimit);
  config.decoder_layers = fields.Integer("decoder_layers", 1, kLayerLimit);
  config.decoder_heads = fields.Integer("decoder_attention_heads", 1, kWidthLimit);
  config.decoder_wide = fields.Integer("decoder_ffn_dim", 1, 8 * kWidthLimit);
  config.positions = fields.Integer("max_source_positions", 1, kPositionLimit, 1'500);
  config.context = fields.Integer("max_target_positions", 8, kPositionLimit, 448);
  config.median_filter = fields.Integer("median_filter_width", 1, 99, 7);
  if (config.median_filter % 2 == 0) {
    fields.Fail("median_filter_width " + std::to_string(config.median_filter) + " is even; it must be odd");
  }
  CheckHeads(fields, "encoder_attention_heads", config.encoder_heads, config.width);
  CheckHeads(fields, "decoder_attention_heads", config.decoder_heads, config.width);
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

// One id; several, or none, are nullopt, several also a mistake.
std::optional<std::int32_t> ReadToken(JsonFields& fields, std::string_view key, std::int64_t vocab_size) {
  const auto ids = ReadTokenIds(fields, key, vocab_size);
  if (ids.size() > 1) fields.Fail("\"" + std::string(key) + "\" holds several ids; one is needed");
  return ids.size() == 1 ? std::optional(ids[0]) : std::nullopt;
}

// Token ids by name: "<|en|>" and "en" are the same.
std::map<std::string, std::int32_t> ReadNamedTokens(JsonFields& fields, std::string_view key, std::int64_t vocab_size) {
  std::map<std::string, std::int32_t> tokens;
  for (const auto& [name, value] : fields.Object(key, false).items()) {
    std::string_view bare = name;
    if (bare.starts_with("<|") && bare.ends_with("|>")) bare = bare.substr(2, bare.size() - 4);
    if (!value.is_number_integer() || value < 0 || value >= vocab_size) {
      fields.Fail("\"" + std::string(key) + "\": " + name.substr(0, 40) + " is " + value.dump().substr(0, 40) +
                  "; a token id below vocab_size " + std::to_string(vocab_size) + " is needed");
      return {};
    }
    tokens.emplace(bare, value.get<std::int32_t>());
  }
  return tokens;
}

std::vector<AlignmentHead> UpperHalf(const WhisperConfig& config) {
  std::vector<AlignmentHead> heads;
  for (std::int64_t layer = config.decoder_layers / 2; layer < config.decoder_layers; ++layer) {
    for (std::int64_t head = 0; head < config.decoder_heads; ++head) heads.push_back({layer, head});
  }
  return heads;
}

std::vector<AlignmentHead> ReadAlignmentHeads(JsonFields& fields, const WhisperConfig& config) {
  std::vector<AlignmentHead> heads;
  for (const auto& pair : fields.Array("alignment_heads", false)) {
    const bool numbers = pair.is_array() && pair.size() == 2 && pair[0].is_number_integer() && pair[1].is_number_integer();
    if (!numbers || pair[0] < 0 || pair[0] >= config.decoder_layers || pair[1] < 0 || pair[1] >= config.decoder_heads) {
      fields.Fail("alignment_heads holds " + pair.dump().substr(0, 40) + "; a layer below " +
                  std::to_string(config.decoder_layers) + " and a head below " + std::to_string(config.decoder_heads) +
                  " are needed");
      return {};
    }
    heads.push_back({pair[0].get<std::int64_t>(), pair[1].get<std::int64_t>()});
  }
  return heads.empty() ? UpperHalf(config) : heads;
}

// Ways of decoding that would bring other tokens. What Whisper's decoding decides for itself (max_length, return_timestamps,
// forced_decoder_ids: a request names language and task; beams, temperatures) is not read.
void RefuseOtherDecoding(JsonFields& fields) {
  constexpr std::array<std::pair<std::string_view, double>, 6> kNeutral = {{{"repetition_penalty", 1},
                                                                            {"no_repeat_ngram_size", 0},
                                                                            {"encoder_repetition_penalty", 1},
                                                                            {"diversity_penalty", 0},
                                                                            {"length_penalty", 1},
                                                                            {"guidance_scale", 1}}};
  for (const auto& [key, value] : kNeutral) {
    const auto* found = fields.Find(key);
    if (found == nullptr || (found->is_number() && found->get<double>() == value)) continue;
    fields.Fail(std::string(key) + " " + found->dump().substr(0, 40) + " is not supported; remove it");
  }
  for (const std::string_view key : {"bad_words_ids", "force_words_ids", "constraints", "sequence_bias"}) {
    const auto* found = fields.Find(key);
    if (found == nullptr || found->empty()) continue;
    fields.Fail(std::string(key) + " is not supported; remove it");
  }
}

// [-1] is what openai/whisper calls the tokens that are no speech.
std::optional<std::vector<std::int32_t>> ReadSuppressed(JsonFields& fields, std::int64_t vocab_size) {
  const auto* found = fields.Find("suppress_tokens");
  if (found == nullptr || *found == nlohmann::json::array({-1})) return std::nullopt;
  return ReadTokenIds(fields, "suppress_tokens", vocab_size);
}

}  // namespace

Result<WhisperConfig> ParseWhisperConfig(const nlohmann::json& json, const std::string& name) {
  JsonFields fields(json, name);
  CheckArchitecture(fields);
  RefuseOtherArithmetic(fields);
  WhisperConfig config;
  ReadSizes(fields, config);
  config.tied = fields.Bool("tie_word_embeddings", true);
  config.dtype = ReadDtype(fields);
  if (!fields.ok()) return fields.error();
  return config;
}

Result<WhisperGeneration> ParseWhisperGeneration(const nlohmann::json& json, const std::string& name,
                                                 const WhisperConfig& config) {
  JsonFields fields(json, name);
  RefuseOtherDecoding(fields);
  const std::int64_t vocab = config.vocab_size;
  WhisperGeneration generation;
  generation.suppress = ReadSuppressed(fields, vocab);
  generation.begin_suppress = ReadTokenIds(fields, "begin_suppress_tokens", vocab);
  generation.no_timestamps = ReadToken(fields, "no_timestamps_token_id", vocab);
  generation.start_of_previous = ReadToken(fields, "prev_sot_token_id", vocab);
  generation.start = ReadToken(fields, "decoder_start_token_id", vocab);
  generation.end = ReadToken(fields, "eos_token_id", vocab);
  generation.languages = ReadNamedTokens(fields, "lang_to_id", vocab);
  generation.tasks = ReadNamedTokens(fields, "task_to_id", vocab);
  if (fields.Find("is_multilingual") != nullptr) generation.multilingual = fields.Bool("is_multilingual");
  generation.max_initial_timestamp = fields.Integer("max_initial_timestamp_index", 0, kPositionLimit, 50);
  generation.alignment_heads = ReadAlignmentHeads(fields, config);
  if (!fields.ok()) return fields.error();
  return generation;
}

Result<WhisperConfig> ReadWhisperConfig(const std::filesystem::path& dir) {
  const auto path = dir / "config.json";
  const auto json = ReadJsonFile(path, {.size = MiB(4)});
  if (!json) return json.error();
  return ParseWhisperConfig(*json, path.string());
}

Result<WhisperGeneration> ReadWhisperGeneration(const std::filesystem::path& dir, const WhisperConfig& config) {
  auto path = dir / "generation_config.json";
  std::error_code ignored;  // a file that cannot be examined gets its proper message when it is opened
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, ignored))) path = dir / "config.json";
  const auto json = ReadJsonFile(path, {.size = MiB(4)});
  if (!json) return json.error();
  return ParseWhisperGeneration(*json, path.string(), config);
}

bool IsWhisper(const std::filesystem::path& dir) {
  const auto json = ReadJsonFile(dir / "config.json", {.size = MiB(4)});
  if (!json || !json->is_object()) return false;
  const auto type = json->find("model_type");
  return type != json->end() && *type == "whisper";
}

}  // namespace berth::checkpoint
