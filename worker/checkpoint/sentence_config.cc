#include "worker/checkpoint/sentence_config.h"

#include <algorithm>
#include <array>
#include <vector>

#include "worker/checkpoint/json_fields.h"
#include "worker/checkpoint/json_file.h"

namespace berth::checkpoint {
namespace {

constexpr std::string_view kPromptsFile = "config_sentence_transformers.json";
constexpr std::size_t kPromptLimit = 64;           // how many
constexpr std::size_t kPromptBytesLimit = 16'384;  // each

struct PoolingRow {
  std::string_view key;   // in 1_Pooling/config.json
  std::string_view word;  // in its newer form, {"pooling_mode": word}
  bool supported;
  Pooling pooling;
};

constexpr std::array<PoolingRow, 6> kPoolings = {{
    {"pooling_mode_mean_tokens", "mean", true, Pooling::kMean},
    {"pooling_mode_cls_token", "cls", true, Pooling::kCls},
    {"pooling_mode_lasttoken", "lasttoken", true, Pooling::kLastToken},
    {"pooling_mode_max_tokens", "max", true, Pooling::kMax},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", false, Pooling::kMean},
    {"pooling_mode_weightedmean_tokens", "weightedmean", false, Pooling::kMean},
}};

Result<std::optional<nlohmann::json>> ReadIfPresent(const std::filesystem::path& path) {
  auto json = ReadJsonFile(path, {.size = MiB(4)});
  if (json) return std::optional(std::move(*json));
  if (json.error().kind == ErrorKind::kNotFound) return std::optional<nlohmann::json>();
  return json.error();
}

// The newer form names one mode.
void ReadPoolingWord(JsonFields& fields, SentenceConfig& config) {
  const std::string word = fields.String("pooling_mode");
  const auto row = std::ranges::find(kPoolings, word, &PoolingRow::word);
  if (row == kPoolings.end() || !row->supported) {
    fields.Fail("pooling_mode \"" + word + "\" is not supported; supported: mean, cls, lasttoken, max");
    return;
  }
  config.pooling = row->pooling;
}

// The older form has one flag per mode; mean is on unless the file says otherwise.
void ReadPoolingFlags(JsonFields& fields, SentenceConfig& config) {
  std::vector<std::string> chosen;
  for (const PoolingRow& row : kPoolings) {
    if (!fields.Bool(row.key, row.pooling == Pooling::kMean && row.supported)) continue;
    chosen.emplace_back(row.key);
    config.pooling = row.pooling;
    if (!row.supported)
      fields.Fail(std::string(row.key) + " is not supported; supported: mean, cls, lasttoken, max");
  }
  if (chosen.empty()) fields.Fail("no pooling mode is true; set exactly one of them");
  if (chosen.size() < 2) return;
  fields.Fail(chosen[0] + " and " + chosen[1] +
              " are both true (pooling_mode_mean_tokens is unless it is set to " +
              "false); exactly one is supported");
}

Status ReadPooling(const std::filesystem::path& path, const EncoderConfig& encoder, SentenceConfig& config) {
  const auto json = ReadJsonFile(path, {.size = MiB(1)});
  if (!json) return json.error();
  JsonFields fields(*json, path.string());
  if (fields.Find("pooling_mode") != nullptr) {
    ReadPoolingWord(fields, config);
  } else {
    ReadPoolingFlags(fields, config);
  }
  config.include_prompt = fields.Bool("include_prompt", true);
  const auto dimension = fields.Integer("word_embedding_dimension", 1, 1 << 20, encoder.hidden_size);
  if (dimension != encoder.hidden_size) {
    fields.Fail("word_embedding_dimension " + std::to_string(dimension) +
                " is not the encoder's hidden_size " + std::to_string(encoder.hidden_size));
  }
  if (!fields.ok()) return fields.error();
  return Ok();
}

struct Module {
  std::string type;  // "Pooling": the last part of the Python path
  std::string path;  // its folder
};

// "sentence_transformers.models.Pooling" → "Pooling"
std::string LastPart(const std::string& type) { return type.substr(type.rfind('.') + 1); }

// A folder of the model directory, nothing that leads out of it.
bool IsInside(const std::string& path) {
  return path.find("..") == std::string::npos && path.find('\0') == std::string::npos &&
         !path.starts_with('/');
}

Result<std::vector<Module>> ReadModules(const nlohmann::json& json, const std::string& name) {
  if (!json.is_array() || json.empty()) return Invalid(name, ": must be a list of modules");
  std::vector<Module> modules;
  for (const auto& entry : json) {
    JsonFields fields(entry, name + ": module " + std::to_string(modules.size()));
    const std::string type = fields.String("type");
    Module module{LastPart(type), fields.String("path", "")};
    if (!fields.ok()) return fields.error();
    if (module.type != "Transformer" && module.type != "Pooling" && module.type != "Normalize") {
      return Invalid(name, ": module \"", type,
                     "\" is not supported; supported: Transformer, Pooling, Normalize");
    }
    if (!IsInside(module.path)) {
      return Invalid(name, ": module \"", type, "\" lies in \"", module.path,
                     "\", outside of the model's folder");
    }
    modules.push_back(std::move(module));
  }
  return modules;
}

Status CheckOrder(const std::vector<Module>& modules, const std::string& name) {
  std::string order;
  for (const Module& module : modules) order += (order.empty() ? "" : ", ") + module.type;
  if (order != "Transformer, Pooling" && order != "Transformer, Pooling, Normalize") {
    return Invalid(name, ": lists ", order,
                   "; supported: Transformer, Pooling and, optionally, Normalize, in this order");
  }
  if (!modules[0].path.empty()) {
    return Invalid(name, ": the Transformer lies in the folder \"", modules[0].path,
                   "\"; put its files into the model's folder and set its path to \"\"");
  }
  return Ok();
}

Status ApplyModules(const std::filesystem::path& dir, const EncoderConfig& encoder, SentenceConfig& config) {
  const auto path = dir / "modules.json";
  const auto json = ReadIfPresent(path);
  if (!json) return json.error();
  if (!*json) {
    const auto pooling = dir / "1_Pooling" / "config.json";
    std::error_code ignored;
    return std::filesystem::exists(pooling, ignored) ? ReadPooling(pooling, encoder, config) : Ok();
  }
  const auto modules = ReadModules(**json, path.string());
  if (!modules) return modules.error();
  if (Status checked = CheckOrder(*modules, path.string()); !checked) return checked;
  config.normalize = modules->size() == 3;
  return ReadPooling(dir / (*modules)[1].path / "config.json", encoder, config);
}

Status ApplyLimits(const std::filesystem::path& dir, SentenceConfig& config) {
  const auto path = dir / "sentence_bert_config.json";
  const auto json = ReadIfPresent(path);
  if (!json) return json.error();
  if (!*json) return Ok();
  JsonFields fields(**json, path.string());
  const auto limit = fields.Integer("max_seq_length", 1, std::int64_t{1} << 40, config.max_tokens);
  config.max_tokens = std::min(config.max_tokens, limit);
  config.lowercase = fields.Bool("do_lower_case", false);
  if (!fields.ok()) return fields.error();
  return Ok();
}

Status ReadPrompts(const nlohmann::json& prompts, const std::string& where, SentenceConfig& config) {
  if (prompts.size() > kPromptLimit) {
    return Invalid(where, ": holds ", prompts.size(), " prompts, more than ", kPromptLimit);
  }
  JsonFields fields(prompts, where);
  for (const auto& [key, value] : prompts.items()) {
    std::string text = fields.String(key, "");
    if (text.size() > kPromptBytesLimit) {
      fields.Fail("\"" + key + "\" has " + std::to_string(text.size()) + " bytes, more than " +
                  std::to_string(kPromptBytesLimit));
    }
    config.prompts.emplace(key, std::move(text));
  }
  if (!fields.ok()) return fields.error();
  return Ok();
}

Status ApplyPrompts(const std::filesystem::path& dir, SentenceConfig& config) {
  const auto path = dir / kPromptsFile;
  const auto json = ReadIfPresent(path);
  if (!json) return json.error();
  if (!*json) return Ok();
  JsonFields fields(**json, path.string());
  const auto& prompts = fields.Object("prompts", false);
  if (Status read = ReadPrompts(prompts, path.string() + ": prompts", config); !read) return read;
  if (fields.Find("default_prompt_name") != nullptr) {
    const std::string name = fields.String("default_prompt_name");
    if (!config.prompts.contains(name))
      fields.Fail("default_prompt_name \"" + name + "\" is not one of \"prompts\"");
    config.default_prompt = name;
  }
  if (!fields.ok()) return fields.error();
  return Ok();
}

// A reranker gets the texts as they are; another input would be another ranking.
Status RefuseDefaultPrompt(const std::filesystem::path& dir, const SentenceConfig& config) {
  if (!config.default_prompt || config.prompts.at(*config.default_prompt).empty()) return Ok();
  return Invalid((dir / kPromptsFile).string(), ": default_prompt_name \"", *config.default_prompt,
                 "\" is not supported for a reranker; supported: null");
}

}  // namespace

std::string_view PoolingName(Pooling pooling) {
  switch (pooling) {
    case Pooling::kMean:
      return "mean";
    case Pooling::kCls:
      return "cls";
    case Pooling::kLastToken:
      return "last_token";
    case Pooling::kMax:
      return "max";
  }
  return "";
}

Result<SentenceConfig> ReadSentenceConfig(const std::filesystem::path& dir, const EncoderConfig& encoder) {
  SentenceConfig config;
  const bool ranking = encoder.task == Task::kRanking;
  config.max_tokens = encoder.max_tokens();
  config.normalize = !ranking;
  if (Status done = ranking ? Ok() : ApplyModules(dir, encoder, config); !done) return done.error();
  if (Status done = ApplyLimits(dir, config); !done) return done.error();
  if (Status done = ApplyPrompts(dir, config); !done) return done.error();
  if (Status done = ranking ? RefuseDefaultPrompt(dir, config) : Ok(); !done) return done.error();
  return config;
}

}  // namespace berth::checkpoint
