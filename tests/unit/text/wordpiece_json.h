// Small tokenizers for tests, written as a tokenizer.json would be.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/checkpoint/temp_dir.h"
#include "worker/text/tokenizer.h"

namespace berth::text {

// A tokenizer.json of these tokens (ids in order), without normalizer, pre-tokenizer, post-processor and
// decoder.
inline nlohmann::json WordPieceJson(const std::vector<std::string>& tokens) {
  nlohmann::json vocab = nlohmann::json::object();
  for (const std::string& token : tokens) vocab[token] = vocab.size();
  return {{"added_tokens", nlohmann::json::array()},
          {"model", {{"type", "WordPiece"}, {"unk_token", "[UNK]"}, {"vocab", std::move(vocab)}}}};
}

inline Result<std::unique_ptr<Tokenizer>> LoadJson(const nlohmann::json& file) {
  TempDir dir;
  dir.Write("tokenizer.json", file.dump());
  return Tokenizer::Load(dir.path());
}

// The texts of a text's tokens, for tests that read better so.
inline std::vector<std::string> Tokens(const Tokenizer& tokenizer, std::string_view text,
                                       bool special = false) {
  std::vector<std::string> tokens;
  for (const TokenId id : tokenizer.Encode(text, special)) tokens.emplace_back(tokenizer.TokenText(id));
  return tokens;
}

}  // namespace berth::text
