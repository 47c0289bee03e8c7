// Replies of POST /v1/chat/completions: chat.completion, and chat.completion.chunk as events.
#pragma once

#include <memory>

#include "worker/completions/chat_request.h"
#include "worker/completions/reply_shape.h"

namespace berth::completions {

// `tokenizer` outlives it.
std::unique_ptr<ReplyShape> ChatShape(const ChatRequest& request, const text::Tokenizer& tokenizer, ReplyHead head);

}  // namespace berth::completions
