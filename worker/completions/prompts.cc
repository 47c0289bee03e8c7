#include "worker/completions/prompts.h"

#include <algorithm>
#include <utility>

namespace berth::completions {
namespace {

constexpr std::string_view kBlanks = " \t\n\r\f\v";

// How much a choice may have behind a prompt of so many tokens.
class Room {
 public:
  Room(const GenerationRequest& request, const GenerationFacts& model, std::string what, std::int64_t fallback)
      : request_(request),
        context_(model.max_tokens),
        what_(std::move(what)),
        fallback_(model.default_max_tokens > 0 ? model.default_max_tokens : fallback),
        length_(model.default_max_length) {}

  // What is not asked for is what fits. `fallback` 0: all of it.
  Parsed<std::int64_t> Behind(std::size_t tokens, const std::string& param) const {
    const std::int64_t room = context_ - static_cast<std::int64_t>(tokens);
    const std::int64_t asked = request_.max_tokens.value_or(1);
    if (std::max<std::int64_t>(asked, 1) > room) return TooLong(tokens, param);
    std::int64_t unasked = fallback_ > 0 ? std::min(fallback_, room) : room;
    const std::int64_t behind = length_ - static_cast<std::int64_t>(tokens);
    if (length_ > 0 && fallback_ == 0) unasked = std::clamp<std::int64_t>(behind, 1, unasked);
    return Parsed<std::int64_t>(boost::system::in_place_value, request_.max_tokens ? asked : unasked);
  }

 private:
  ApiError TooLong(std::size_t tokens, const std::string& param) const {
    std::string message = "This model's maximum context length is " + std::to_string(context_) + " tokens, but " +
                          what_ + " " + std::to_string(tokens);
    if (request_.max_tokens) {
      message += " and '" + request_.max_tokens_key + "' asks for " + std::to_string(*request_.max_tokens) +
                 " more. Shorten the one, or lower the other.";
    } else {
      message += ", which leaves no room for a reply. Shorten it.";
    }
    return {.message = std::move(message), .param = param, .code = "context_length_exceeded"};
  }

  const GenerationRequest& request_;
  const std::int64_t context_;
  const std::string what_;
  const std::int64_t fallback_;
  const std::int64_t length_;
};

std::vector<std::int32_t> TokensOf(const std::variant<std::string, PromptTokens>& prompt, bool special,
                                   const text::Tokenizer& tokenizer) {
  if (const auto* ids = std::get_if<PromptTokens>(&prompt)) return *ids;
  return tokenizer.Encode(std::get<std::string>(prompt), special);
}

std::string_view Stripped(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Of a content that is a list of parts the last text.
std::string TextOf(const chat::Json& message) {
  const auto content = message.find("content");
  if (content == message.end()) return {};
  if (content->is_string()) return content->get<std::string>();
  std::string text;
  if (!content->is_array()) return text;
  for (const auto& part : *content) text = part.value("text", text);
  return text;
}

ApiError AboutMessages(std::string message, std::string code) {
  return {.message = std::move(message), .param = "messages", .code = std::move(code)};
}

}  // namespace

Parsed<Prompts> PromptsOf(const CompletionsRequest& request, const GenerationService& service) {
  const Room room(request, service.model, "the prompt has", kDefaultMaxTokens);
  Prompts prompts;
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    auto ids = TokensOf(request.prompts[i], request.add_special_tokens, service.tokenizer);
    const std::string param = request.ParamOf(i);
    if (ids.empty()) return ApiError{.message = "'" + param + "' has no tokens; give the model something to go on from.", .param = param};
    const auto behind = room.Behind(ids.size(), param);
    if (!behind) return behind.error();
    prompts.max_tokens = std::max(prompts.max_tokens, *behind);  // each is bounded by the context, too
    prompts.total += ids.size();
    prompts.ids.push_back(std::move(ids));
  }
  return prompts;
}

Parsed<Prompts> PromptsOf(const ChatRequest& request, const GenerationService& service, engine::Charge& memory) {
  const auto text = RenderConversation(request.conversation, service.render, memory);
  if (!text) return text.error();
  Prompts prompts;
  prompts.ids.push_back(service.tokenizer.Encode(*text, request.add_special_tokens));
  prompts.total = prompts.ids.front().size();
  if (prompts.total == 0) return AboutMessages("The chat template makes an empty prompt of 'messages'.", "");
  const auto behind = Room(request, service.model, "the messages have", 0).Behind(prompts.total, "messages");
  if (!behind) return behind.error();
  prompts.max_tokens = *behind;
  return prompts;
}

Parsed<std::string> RenderConversation(const Conversation& conversation, const RenderChat& render, engine::Charge& memory) {
  if (!render) {
    return AboutMessages("This model has no chat template: send its prompt to /v1/completions, or name a file in the "
                         "plan's `chat_template`.",
                         "no_chat_template");
  }
  const std::uint64_t before = memory.bytes();
  std::uint64_t refused = 0;
  auto rendered = render(conversation.chat, [&](std::uint64_t bytes) {
    const bool holds = memory.Grow(bytes);
    if (!holds) refused = bytes;
    return holds;
  });
  const std::string refusal = memory.Refusal(refused);
  memory.Shrink(memory.bytes() - before);
  if (refused > 0) return serve::OverBudgetError(refusal);
  if (!rendered) return AboutMessages(rendered.error().message, "invalid_messages");
  if (conversation.continue_final_message) return CutAfterFinalMessage(*rendered, conversation.chat.messages);
  return std::move(*rendered);
}

Parsed<std::string> CutAfterFinalMessage(const std::string& rendered, const chat::Json& messages) {
  const std::string content = TextOf(messages.back());
  const std::string_view stripped = Stripped(content);
  const auto at = stripped.empty() ? std::string::npos : rendered.rfind(stripped);
  if (at == std::string::npos) {
    return ApiError{.message = "'continue_final_message' needs a last message whose text the chat template prints.",
                    .param = "continue_final_message"};
  }
  // With the blanks at its end, where the template keeps them.
  const std::string_view whole = std::string_view(content).substr(content.find_first_not_of(kBlanks));
  const bool kept = std::string_view(rendered).substr(at).starts_with(whole);
  return rendered.substr(0, at + (kept ? whole : stripped).size());
}

}  // namespace berth::completions
