// The body of POST /v1/chat/completions, and the conversation in that of POST /tokenize, from JSON to values: every
// parameter checked for type and range, each mistake a 400 that names it. What a message holds beside role and
// content is the template's business, and kept in the client's order. Pure; no tokenizer, no template, no engine.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "worker/chat/chat_template.h"
#include "worker/completions/generation_request.h"

namespace berth::completions {

inline constexpr std::size_t kMostMessages = 8192;
inline constexpr std::size_t kMostTools = 1024;
inline constexpr int kMostTopLogprobs = 20;

struct Conversation {
  chat::ChatRequest chat;
  bool continue_final_message = false;  // the last message is open: its text goes on
};

struct ChatRequest : GenerationRequest {
  Conversation conversation;
};

// `text` is the body's, of which `body` was parsed: JSON values that are kept for the template are read from it anew,
// since `body` has lost their order.
Parsed<ChatRequest> ParseChat(const nlohmann::json& body, std::string_view text, const GenerationFacts& model);

// The conversation's parameters alone, for tokenising one; mistakes are the fields'.
Conversation ReadConversation(BodyFields& fields, std::string_view text);

}  // namespace berth::completions
