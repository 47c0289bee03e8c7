#include "worker/completions/tokenize_chat.h"

#include "worker/completions/chat_request.h"
#include "worker/completions/prompts.h"
#include "worker/serve/tokenize_route.h"

namespace berth::completions {

serve::Parsed<std::string> TokenizeAny(const nlohmann::json& body, std::string_view text,
                                       const GenerationService& service, engine::Charge& memory) {
  BodyFields fields(body);
  if (fields.Find("messages") == nullptr) return serve::Tokenize(body, service.model, service.tokenizer, memory);
  if (fields.Find("prompt") != nullptr) fields.Fail("prompt", "Give 'prompt' or 'messages', not both.");
  fields.String("model");
  const Conversation conversation = ReadConversation(fields, text);
  const bool special = fields.Bool("add_special_tokens", false);
  const bool strings = fields.Bool("return_token_strs", false);
  if (!fields.ok()) return fields.error();
  const auto rendered = RenderConversation(conversation, service.render, memory);
  if (!rendered) return rendered.error();
  const auto ids = service.tokenizer.Encode(*rendered, special);
  return serve::TokenizeReply(ids, strings, service.model, service.tokenizer, memory);
}

}  // namespace berth::completions
