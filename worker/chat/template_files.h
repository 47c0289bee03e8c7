// Where a model directory keeps its chat template and its special tokens. Reads files, decides nothing else.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "supervisor/base/result.h"

namespace berth::chat {

struct TemplateSource {
  std::string file;
  std::string text;
};

struct TemplateFiles {
  std::optional<TemplateSource> standard;
  std::optional<TemplateSource> tool_use;  // where a template of its own is for requests with tools
  nlohmann::ordered_json special_tokens = nlohmann::ordered_json::object();  // {"bos_token": "<s>", …}
};

// `plan_file`: what the plan names instead; may be empty. Errors name the file.
Result<TemplateFiles> ReadTemplateFiles(const std::filesystem::path& dir, const std::filesystem::path& plan_file);

}  // namespace berth::chat
