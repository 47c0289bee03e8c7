// The last stage of encoding: the special tokens around a text, or around and between two. Immutable.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/base/result.h"
#include "worker/text/tokenizer.h"

namespace berth::text {

// What a pair is made of, in order.
struct PairPiece {
  enum Kind { kFirst, kSecond, kToken };
  Kind kind;
  bool segment1 = false;  // belongs to the second segment (type id 1)
  TokenId id = 0;         // of a kToken
};

struct PostProcessor {
  std::vector<TokenId> prefix;  // around a single text
  std::vector<TokenId> suffix;
  // Each text once; no piece of segment 0 after one of segment 1. Empty: pairs are not supported, because
  // `pair_problem`, which does not keep anybody from using the tokenizer for single texts.
  std::vector<PairPiece> pair = {{PairPiece::kFirst}, {PairPiece::kSecond, true}};
  std::string pair_problem;

  // [CLS] A [SEP], and [CLS] A [SEP] B:1 [SEP]:1
  static PostProcessor Bert(TokenId cls, TokenId sep);
  // <s> A </s>, and <s> A </s> </s> B </s>, all of one segment; MPNet's as well
  static PostProcessor Roberta(TokenId cls, TokenId sep);
  // <s> A </s>, and <s> A </s> <s>:1 B:1 </s>:1, each token only if it is given; LLaMA's
  static PostProcessor BosEos(std::optional<TokenId> bos, std::optional<TokenId> eos);

  // tokenizer.json's "post_processor"; null puts nothing around a text. `text_of` gives the token of an id,
  // empty when there is none. Errors begin with `where`: a type that is not supported, by name; two that add
  // tokens; a template that does not hold the text exactly once, uses a special token that it does not
  // define, or marks tokens of a single text with a type other than 0; an id that is not the token that it
  // says it is.
  static Result<PostProcessor> Parse(const nlohmann::json& value, const std::string& where,
                                     const std::function<std::string_view(TokenId)>& text_of);
};

}  // namespace berth::text
