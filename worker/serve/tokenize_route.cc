#include "worker/serve/tokenize_route.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "worker/serve/body_fields.h"
#include "worker/serve/json_text.h"

namespace berth::serve {
namespace {

using nlohmann::json;

std::optional<std::string> ReadPrompt(BodyFields& fields) {
  if (fields.Find("messages") != nullptr) {
    fields.Fail("messages", "'messages' needs a chat model; this one takes 'prompt'.");
  }
  auto prompt = fields.String("prompt");
  auto text = fields.String("text");
  if (prompt && text) fields.Fail("text", "Give 'prompt' or 'text', not both.");
  if (!prompt && !text) fields.Fail("prompt", "'prompt' is required.", "missing_required_parameter");
  return prompt ? std::move(prompt) : std::move(text);
}

std::vector<text::TokenId> ReadTokens(BodyFields& fields, const ModelFacts& model) {
  std::vector<text::TokenId> ids;
  const json* tokens = fields.Find("tokens");
  if (tokens == nullptr) {
    fields.Fail("tokens", "'tokens' is required.", "missing_required_parameter");
    return ids;
  }
  if (!tokens->is_array()) {
    fields.Fail("tokens",
                "'tokens' must be an array of token ids, not " + std::string(Describe(*tokens)) + ".");
    return ids;
  }
  for (const json& token : *tokens) {
    const auto vocabulary = static_cast<std::uint64_t>(model.vocab_size);
    if (!token.is_number_unsigned() || token.get<std::uint64_t>() >= vocabulary) {
      const std::string param = "tokens[" + std::to_string(ids.size()) + "]";
      fields.Fail(param,
                  "'" + param + "' must be a token id between 0 and " + std::to_string(vocabulary - 1) + ".");
      return ids;
    }
    ids.push_back(token.get<text::TokenId>());
  }
  return ids;
}

}  // namespace

Parsed<std::string> Tokenize(const json& body, const ModelFacts& model, const text::Tokenizer& tokenizer) {
  BodyFields fields(body);
  fields.String("model");
  const auto prompt = ReadPrompt(fields);
  const bool special = fields.Bool("add_special_tokens", true);
  const bool strings = fields.Bool("return_token_strs", false);
  if (!fields.ok()) return fields.error();
  return TokenizeReply(tokenizer.Encode(*prompt, special), strings, model, tokenizer);
}

std::string TokenizeReply(const std::vector<text::TokenId>& ids, bool strings, const ModelFacts& model,
                          const text::Tokenizer& tokenizer) {
  json reply = {{"count", ids.size()}, {"max_model_len", model.max_tokens}, {"tokens", ids}};
  if (strings) {
    json& texts = reply["token_strs"] = json::array();
    for (const text::TokenId id : ids) texts.push_back(std::string(tokenizer.TokenText(id)));
  }
  return JsonText(reply);
}

Parsed<std::string> Detokenize(const json& body, const ModelFacts& model, const text::Tokenizer& tokenizer) {
  BodyFields fields(body);
  fields.String("model");
  const auto ids = ReadTokens(fields, model);
  if (!fields.ok()) return fields.error();
  return JsonText({{"prompt", tokenizer.Decode(ids, false)}});
}

}  // namespace berth::serve
