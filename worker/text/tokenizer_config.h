// tokenizer_config.json: what a tokenizer's own files do not say. Pieces of it that every form of tokenizer needs, and
// the whole for those of language models.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/checkpoint/json_fields.h"
#include "worker/text/added_tokens.h"
#include "worker/text/post_processor.h"

namespace berth::text {

struct TokenizerConfig {
  std::string name;             // of the file, for messages
  std::string tokenizer_class;  // without "Fast"; "": it says none
  std::vector<AddedToken> added;
  // bos, eos, unk, pad and the additional ones, as far as they are named.
  std::string bos, eos, unk;
  std::vector<std::string> special;
  std::optional<bool> add_bos, add_eos;
  bool add_prefix_space = false;
  bool legacy = true;  // of LLaMA's kind: a blank in front of every part between special tokens, not of the text alone
};

// A missing file says nothing. Errors name the file and the key: a wrong type, special tokens that should be split, a
// treatment of wrong bytes other than "replace".
Result<TokenizerConfig> ReadTokenizerConfig(const std::filesystem::path& path);

// "[CLS]", or {"content": "[CLS]", …}
std::string ReadSpecialToken(checkpoint::JsonFields& fields, std::string_view key, const std::string& fallback);

// {"101": {"content": "[CLS]", …}, …}
Result<std::vector<AddedToken>> ReadAddedTokensDecoder(const nlohmann::json& table, const std::string& where);

// {"<x>": 32000, …} of added_tokens.json; a missing file is an empty one.
Result<std::vector<AddedToken>> ReadAddedTokensFile(const std::filesystem::path& path, const TokenizerConfig& config);

// Adds those of `more` whose text is not in the list yet.
void AddMissing(std::vector<AddedToken>& tokens, const std::vector<AddedToken>& more);

// Adds the special tokens that the configuration names and the vocabulary has.
void AddNamedSpecial(std::vector<AddedToken>& tokens, const TokenizerConfig& config, const Vocabulary& vocabulary);

// What add_bos_token and add_eos_token ask for. The error: a token that is to be added and is not known.
Result<PostProcessor> MakeBosEos(const TokenizerConfig& config, bool add_bos, bool add_eos,
                                 const std::vector<AddedToken>& tokens);

}  // namespace berth::text
