// TemplateProcessing of tokenizer.json: which special tokens go around a text, and around and between two.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "supervisor/base/result.h"
#include "worker/checkpoint/json_fields.h"
#include "worker/text/post_processor.h"

namespace berth::text {

inline constexpr std::size_t kSpecialLimit = 256;  // tokens around a text, pieces of a template

using TextOf = std::function<std::string_view(TokenId)>;

// `id` as it is, if it is `content` in the vocabulary.
Result<TokenId> CheckSpecialId(std::int64_t id, const std::string& content, const std::string& where,
                               const TextOf& text_of);

// `single` must be right. What is wrong with `pair` becomes the pair_problem.
Result<PostProcessor> ReadTemplate(checkpoint::JsonFields& fields, const TextOf& text_of);

}  // namespace berth::text
