// Replies of POST /v1/completions: text_completion, whole and as events.
#pragma once

#include <memory>

#include "worker/completions/completions_request.h"
#include "worker/completions/reply_shape.h"

namespace berth::completions {

// `tokenizer` outlives it.
std::unique_ptr<ReplyShape> CompletionsShape(const CompletionsRequest& request, const text::Tokenizer& tokenizer,
                                             ReplyHead head);

}  // namespace berth::completions
