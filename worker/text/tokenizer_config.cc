#include "worker/text/tokenizer_config.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "worker/checkpoint/json_file.h"

namespace berth::text {
namespace {

using checkpoint::JsonFields;
using nlohmann::json;

constexpr std::size_t kSpecialListLimit = 4096;

std::optional<bool> ReadOptional(JsonFields& fields, std::string_view key) {
  if (fields.Find(key) == nullptr) return std::nullopt;
  return fields.Bool(key);
}

void RefuseOtherTreatment(JsonFields& fields) {
  if (fields.Bool("split_special_tokens", false)) fields.Fail("split_special_tokens true is not supported");
  const std::string errors = fields.String("errors", "replace");
  if (errors != "replace") fields.Fail("errors \"" + errors + "\" is not supported; supported: replace");
}

// Strings, or objects with "content".
void ReadAdditional(JsonFields& fields, std::vector<std::string>& special) {
  const json& list = fields.Array("additional_special_tokens", false);
  if (list.size() > kSpecialListLimit) return fields.Fail("additional_special_tokens has more than 4096 tokens");
  for (const json& token : list) {
    const json* content = token.is_object() && token.contains("content") ? &token.at("content") : &token;
    if (!content->is_string()) return fields.Fail("additional_special_tokens must be strings, or have \"content\"");
    special.push_back(content->get<std::string>());
  }
}

void ReadNames(JsonFields& fields, TokenizerConfig& config) {
  config.bos = ReadSpecialToken(fields, "bos_token", "");
  config.eos = ReadSpecialToken(fields, "eos_token", "");
  config.unk = ReadSpecialToken(fields, "unk_token", "");
  const std::string pad = ReadSpecialToken(fields, "pad_token", "");
  for (const std::string& name : {config.bos, config.eos, config.unk, pad}) {
    if (!name.empty()) config.special.push_back(name);
  }
  ReadAdditional(fields, config.special);
}

}  // namespace

std::string ReadSpecialToken(JsonFields& fields, std::string_view key, const std::string& fallback) {
  const json* found = fields.Find(key);
  if (found == nullptr || found->is_string()) return fields.String(key, fallback);
  JsonFields token(*found, std::string(fields.where()).append(": ").append(key));
  std::string content = token.String("content");
  if (!token.ok()) fields.Fail(std::string(key) + " is neither a string nor an object with \"content\"");
  return content;
}

Result<std::vector<AddedToken>> ReadAddedTokensDecoder(const json& table, const std::string& where) {
  std::vector<AddedToken> added;
  for (const auto& [key, value] : table.items()) {
    TokenId id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 || id >= Vocabulary::kIdLimit) {
      return Invalid(where, ": \"", key.substr(0, 40), "\" is not an id from 0 to ",
                     Vocabulary::kIdLimit - 1);
    }
    auto token = ReadAddedToken(value, where + "[\"" + key + "\"]", id);
    if (!token) return token.error();
    added.push_back(std::move(*token));
  }
  return added;
}

Result<TokenizerConfig> ReadTokenizerConfig(const std::filesystem::path& path) {
  TokenizerConfig config;
  config.name = path.string();
  const auto content = checkpoint::ReadJsonFile(path, {.size = MiB(16)});
  if (!content && content.error().kind == ErrorKind::kNotFound) return config;
  if (!content) return content.error();
  JsonFields fields(*content, config.name);
  config.tokenizer_class = fields.String("tokenizer_class", "");
  if (config.tokenizer_class.ends_with("Fast")) config.tokenizer_class.resize(config.tokenizer_class.size() - 4);
  ReadNames(fields, config);
  RefuseOtherTreatment(fields);
  config.add_bos = ReadOptional(fields, "add_bos_token");
  config.add_eos = ReadOptional(fields, "add_eos_token");
  config.add_prefix_space = fields.Bool("add_prefix_space", false);
  config.legacy = fields.Bool("legacy", true);
  const json& added = fields.Object("added_tokens_decoder", false);
  if (!fields.ok()) return fields.error();
  auto tokens = ReadAddedTokensDecoder(added, config.name + ": added_tokens_decoder");
  if (!tokens) return tokens.error();
  config.added = std::move(*tokens);
  return config;
}

Result<std::vector<AddedToken>> ReadAddedTokensFile(const std::filesystem::path& path, const TokenizerConfig& config) {
  std::vector<AddedToken> tokens;
  const auto content = checkpoint::ReadJsonFile(path, {.size = MiB(16)});
  if (!content && content.error().kind == ErrorKind::kNotFound) return tokens;
  if (!content) return content.error();
  JsonFields fields(*content, path.string());
  if (!fields.ok()) return fields.error();
  for (const auto& [text, value] : content->items()) {
    const auto id = static_cast<TokenId>(fields.Integer(text, 0, Vocabulary::kIdLimit - 1));
    if (fields.ok() && (text.empty() || text.size() > Vocabulary::kTokenBytesLimit)) {
      fields.Fail("a token of " + std::to_string(text.size()) + " bytes is not supported");
    }
    if (!fields.ok()) return fields.error();
    const bool special = std::ranges::count(config.special, text) > 0;
    tokens.push_back({.content = text, .id = id, .normalized = !special, .special = special});
  }
  return tokens;
}

void AddMissing(std::vector<AddedToken>& tokens, const std::vector<AddedToken>& more) {
  std::set<std::string> known;
  for (const AddedToken& token : tokens) known.insert(token.content);
  for (const AddedToken& token : more) {
    if (known.insert(token.content).second) tokens.push_back(token);
  }
}

void AddNamedSpecial(std::vector<AddedToken>& tokens, const TokenizerConfig& config, const Vocabulary& vocabulary) {
  std::vector<AddedToken> named;
  for (const std::string& name : config.special) {
    const auto id = vocabulary.Find(name);
    if (id) named.push_back({.content = name, .id = *id, .normalized = false, .special = true});
  }
  AddMissing(tokens, named);
}

Result<PostProcessor> MakeBosEos(const TokenizerConfig& config, bool add_bos, bool add_eos,
                                 const std::vector<AddedToken>& tokens) {
  const auto find = [&](const std::string& name) { return std::ranges::find(tokens, name, &AddedToken::content); };
  const auto bos = find(config.bos);
  const auto eos = find(config.eos);
  if ((add_bos && bos == tokens.end()) || (add_eos && eos == tokens.end())) {
    const bool is_bos = add_bos && bos == tokens.end();
    return Invalid(config.name, ": ", is_bos ? "add_bos_token" : "add_eos_token", " is true, but the tokenizer has no ",
                   is_bos ? "bos_token" : "eos_token", " \"", is_bos ? config.bos : config.eos, "\"");
  }
  return PostProcessor::BosEos(add_bos ? std::optional(bos->id) : std::nullopt,
                               add_eos ? std::optional(eos->id) : std::nullopt);
}

}  // namespace berth::text
