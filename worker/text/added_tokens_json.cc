// tokenizer.json's "added_tokens", and the same objects in tokenizer_config.json.
#include <set>

#include "worker/checkpoint/json_fields.h"
#include "worker/text/added_tokens.h"

namespace berth::text {
namespace {

constexpr std::size_t kTokenLimit = 100'000;

// A token that the model knows too must have the model's id; a new one must not take an id of the model's.
Status CheckClash(const AddedToken& token, const Vocabulary& vocabulary, const std::string& where) {
  const auto known = vocabulary.Find(token.content);
  if (known && *known != token.id) {
    return Invalid(where, ": \"", token.content, "\" has the id ", token.id,
                   ", but the model's vocabulary gives it ", *known);
  }
  if (!known && vocabulary.Has(token.id)) {
    return Invalid(where, ": \"", token.content, "\" has the id ", token.id, ", which is \"",
                   vocabulary.Text(token.id), "\" in the model's vocabulary");
  }
  return Ok();
}

}  // namespace

Result<AddedToken> ReadAddedToken(const nlohmann::json& value, const std::string& where,
                                  std::optional<TokenId> id) {
  checkpoint::JsonFields fields(value, where);
  AddedToken token;
  token.content = fields.String("content");
  token.id = id ? *id : static_cast<TokenId>(fields.Integer("id", 0, Vocabulary::kIdLimit - 1));
  token.special = fields.Bool("special", false);
  token.normalized = fields.Bool("normalized", !token.special);
  token.single_word = fields.Bool("single_word", false);
  token.lstrip = fields.Bool("lstrip", false);
  token.rstrip = fields.Bool("rstrip", false);
  if (fields.ok() && token.content.empty()) fields.Fail("\"content\" is empty");
  if (token.content.size() > Vocabulary::kTokenBytesLimit) {
    fields.Fail("\"content\" has " + std::to_string(token.content.size()) + " bytes, more than " +
                std::to_string(Vocabulary::kTokenBytesLimit));
  }
  if (!fields.ok()) return fields.error();
  return token;
}

Result<std::vector<AddedToken>> ParseAddedTokens(const nlohmann::json& list, const Vocabulary& vocabulary,
                                                 const std::string& where) {
  if (list.size() > kTokenLimit)
    return Invalid(where, ": has ", list.size(), " tokens, more than ", kTokenLimit);
  std::vector<AddedToken> tokens;
  for (const auto& value : list) {
    auto token = ReadAddedToken(value, where + "[" + std::to_string(tokens.size()) + "]");
    if (!token) return token.error();
    tokens.push_back(std::move(*token));
  }
  if (Status checked = CheckAddedTokens(tokens, vocabulary, where); !checked) return checked.error();
  return tokens;
}

Status CheckAddedTokens(const std::vector<AddedToken>& tokens, const Vocabulary& vocabulary,
                        const std::string& where) {
  std::set<TokenId> ids;
  std::set<std::string_view> contents;
  for (const AddedToken& token : tokens) {
    if (Status checked = CheckClash(token, vocabulary, where); !checked) return checked;
    if (!ids.insert(token.id).second) return Invalid(where, ": the id ", token.id, " occurs twice");
    if (!contents.insert(token.content).second)
      return Invalid(where, ": \"", token.content, "\" occurs twice");
  }
  return Ok();
}

}  // namespace berth::text
