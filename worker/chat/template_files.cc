#include "worker/chat/template_files.h"

#include <system_error>
#include <utility>

#include "worker/checkpoint/json_file.h"
#include "worker/checkpoint/mapped_file.h"

namespace berth::chat {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

Result<TemplateSource> ReadSource(const fs::path& path) {
  auto file = checkpoint::MappedFile::Open(path, MiB(4));
  if (!file) return file.error();
  return TemplateSource{path.string(), std::string(file->text())};
}

Result<json> ReadIfThere(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Result<json>(boost::system::in_place_value, json::object());
  auto parsed = checkpoint::ReadJsonFile(path);
  if (parsed && !parsed->is_object()) return Invalid(path.string(), ": must be a JSON object");
  return parsed;
}

// [{"name": "default", "template": "…"}, …]
Status TakeNamed(const json& list, const std::string& file, TemplateFiles& files) {
  for (const json& one : list) {
    const bool whole = one.is_object() && one.contains("name") && one["name"].is_string() && one.contains("template") &&
                       one["template"].is_string();
    if (!whole) return Invalid(file, ": \"chat_template\" must be a list of {name, template}, both strings");
    const std::string name = one["name"].get<std::string>();
    TemplateSource source{file + " (" + name + ")", one["template"].get<std::string>()};
    if (name == "default") files.standard = std::move(source);
    else if (name == "tool_use") files.tool_use = std::move(source);
  }
  return Ok();
}

Status TakeTemplate(const json& config, const std::string& file, TemplateFiles& files) {
  const auto found = config.find("chat_template");
  if (found == config.end() || found->is_null()) return Ok();
  if (found->is_array()) return TakeNamed(*found, file, files);
  if (!found->is_string()) return Invalid(file, ": \"chat_template\" must be a string or a list");
  files.standard = TemplateSource{file, found->get<std::string>()};
  return Ok();
}

// "bos_token": "<s>", or {"content": "<s>", …}; the first file that has one wins.
void TakeTokens(const json& config, nlohmann::ordered_json& tokens) {
  for (const auto& [key, value] : config.items()) {
    if (!key.ends_with("_token") || tokens.contains(key)) continue;
    if (value.is_string()) tokens[key] = value.get<std::string>();
    if (value.is_object() && value.contains("content") && value["content"].is_string()) {
      tokens[key] = value["content"].get<std::string>();
    }
  }
}

}  // namespace

Result<TemplateFiles> ReadTemplateFiles(const fs::path& dir, const fs::path& plan_file) {
  TemplateFiles files;
  const fs::path config_path = dir / "tokenizer_config.json";
  auto config = ReadIfThere(config_path);
  if (!config) return config.error();
  auto map = ReadIfThere(dir / "special_tokens_map.json");
  if (!map) return map.error();
  TakeTokens(*config, files.special_tokens);
  TakeTokens(*map, files.special_tokens);
  std::error_code ignored;
  const fs::path beside = dir / "chat_template.jinja";
  if (const fs::path& path = plan_file.empty() ? beside : plan_file; !plan_file.empty() || fs::exists(beside, ignored)) {
    auto source = ReadSource(path);
    if (!source) return source.error();
    files.standard = std::move(*source);
    return files;
  }
  if (Status taken = TakeTemplate(*config, config_path.string(), files); !taken) return taken.error();
  return files;
}

}  // namespace berth::chat
