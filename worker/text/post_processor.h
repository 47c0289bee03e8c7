// The last stage of encoding: the special tokens around a text. Immutable.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/text/tokenizer.h"

namespace berth::text {

struct PostProcessor {
  std::vector<TokenId> prefix;
  std::vector<TokenId> suffix;

  // tokenizer.json's "post_processor"; null puts nothing around a text. `text_of` gives the token of an id,
  // empty when there is none. Errors begin with `where`: a type that is not supported, by name; two that add
  // tokens; a template that does not hold the text exactly once, uses a special token that it does not
  // define, or marks tokens with a type other than 0; an id that is not the token that it says it is.
  static Result<PostProcessor> Parse(const nlohmann::json& value, const std::string& where,
                                     const std::function<std::string_view(TokenId)>& text_of);
};

}  // namespace berth::text
