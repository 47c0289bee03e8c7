// From a request to the tokens that the model goes on from, and how far it may go. Pure but for tokenizer and template;
// any thread.
#pragma once

#include <string>
#include <vector>

#include "worker/completions/chat_request.h"
#include "worker/completions/completions_request.h"
#include "worker/completions/service.h"

namespace berth::completions {

struct Prompts {
  std::vector<std::vector<std::int32_t>> ids;  // none of them empty; each leaves room for a token
  std::size_t total = 0;                       // ids of all
  std::int64_t max_tokens = 0;                 // of each choice
};

// Errors: a prompt that is empty, or that leaves no room for what is asked for (context_length_exceeded); of a
// conversation what its template says, and that there is none.
Parsed<Prompts> PromptsOf(const CompletionsRequest& request, const GenerationService& service);
// What rendering takes is added to `memory` while it lasts.
Parsed<Prompts> PromptsOf(const ChatRequest& request, const GenerationService& service, engine::Charge& memory);

// A conversation as the template writes it. Moves nothing; errors as above.
Parsed<std::string> RenderConversation(const Conversation& conversation, const RenderChat& render, engine::Charge& memory);

// `rendered` up to the end of the last message's content, so that the model goes on with it. The rule is that of Hugging
// Face's apply_chat_template(continue_final_message=True).
Parsed<std::string> CutAfterFinalMessage(const std::string& rendered, const chat::Json& messages);

}  // namespace berth::completions
