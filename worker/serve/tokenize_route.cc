#include "worker/serve/tokenize_route.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "worker/serve/body_fields.h"
#include "worker/serve/json_text.h"
#include "worker/serve/service.h"

namespace berth::serve {
namespace {

using nlohmann::json;

constexpr std::uint64_t kNumberBytes = sizeof(text::TokenId) + 8;  // an id, and as text with a comma

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

Parsed<std::string> Tokenize(const json& body, const ModelFacts& model, const text::Tokenizer& tokenizer,
                             engine::Charge& memory) {
  BodyFields fields(body);
  fields.String("model");
  const auto prompt = ReadPrompt(fields);
  const bool special = fields.Bool("add_special_tokens", true);
  const bool strings = fields.Bool("return_token_strs", false);
  if (!fields.ok()) return fields.error();
  return TokenizeReply(tokenizer.Encode(*prompt, special), strings, model, tokenizer, memory);
}

// Written piece by piece: a value of every token would cost more than the token.
Parsed<std::string> TokenizeReply(const std::vector<text::TokenId>& ids, bool strings, const ModelFacts& model,
                                  const text::Tokenizer& tokenizer, engine::Charge& memory) {
  std::uint64_t bytes = 128 + ids.size() * kNumberBytes;
  for (const text::TokenId id : ids) bytes += strings ? 1 + JsonStringBytes(tokenizer.TokenText(id)) : 0;
  if (!memory.Grow(bytes)) return OverBudgetError(memory.Refusal(bytes));
  std::string reply;
  reply.reserve(bytes);
  reply += R"({"count":)" + std::to_string(ids.size()) + R"(,"max_model_len":)" + std::to_string(model.max_tokens);
  if (strings) {
    reply += R"(,"token_strs":[)";
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i > 0) reply += ',';
      AppendJsonString(tokenizer.TokenText(ids[i]), reply);
    }
    reply += ']';
  }
  reply += R"(,"tokens":[)";
  for (std::size_t i = 0; i < ids.size(); ++i) reply += (i > 0 ? "," : "") + std::to_string(ids[i]);
  reply += "]}";
  return reply;
}

Parsed<std::string> Detokenize(const json& body, const ModelFacts& model, const text::Tokenizer& tokenizer,
                               engine::Charge& memory) {
  BodyFields fields(body);
  fields.String("model");
  const auto ids = ReadTokens(fields, model);
  if (!fields.ok()) return fields.error();
  std::uint64_t bytes = ids.size() * sizeof(text::TokenId);
  for (const text::TokenId id : ids) bytes += 2 * tokenizer.TokenText(id).size();  // as text, and in the reply
  if (!memory.Grow(bytes)) return OverBudgetError(memory.Refusal(bytes));
  std::string reply = R"({"prompt":)";
  AppendJsonString(tokenizer.Decode(ids, false), reply);
  reply += '}';
  return reply;
}

}  // namespace berth::serve
