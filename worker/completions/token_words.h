// How single tokens are shown in replies: their text, their bytes, and where they begin in the text. Any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "worker/generation/generation.h"
#include "worker/text/tokenizer.h"

namespace berth::completions {

using Json = nlohmann::ordered_json;

// A log-probability as JSON has it: −∞ is −9999.
double Shown(float logprob);

// {"token": …, "logprob": …, "bytes": […]}: chat's. What is no UTF-8 by itself is U+FFFD in the text, and whole in the
// bytes.
Json ChatToken(const text::Tokenizer& tokenizer, std::int32_t id, float logprob);

// About what a reply of either API writes of a token with its log-probabilities.
std::uint64_t WrittenBytes(const text::Tokenizer& tokenizer, const engine::Delta::Token& token);

// Completions': the text, or "bytes:\xe2\x80" where it is no UTF-8 by itself.
std::string CompletionToken(const text::Tokenizer& tokenizer, std::int32_t id);

}  // namespace berth::completions
