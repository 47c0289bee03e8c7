// Replies of POST /v1/completions: text_completion, whole and as events.
#pragma once

#include <memory>

#include "worker/completions/completions_request.h"
#include "worker/completions/reply_shape.h"

namespace berth::completions {

// `tokenizer` outlives it.
std::unique_ptr<ReplyShape> CompletionsShape(const CompletionsRequest& request, const text::Tokenizer& tokenizer,
                                             ReplyHead head);

// About what the prompts take that come back: their texts, and as often as the reply has them at once: whole, with every
// choice; streamed, one choice at a time.
std::uint64_t EchoBytes(const CompletionsRequest& request, const text::Tokenizer& tokenizer);

}  // namespace berth::completions
