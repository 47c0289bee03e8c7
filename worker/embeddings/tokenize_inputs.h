// From a request's inputs to the token ids that the engine runs. Pure but for the tokenizer; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "worker/embeddings/embeddings_request.h"
#include "worker/text/tokenizer.h"

namespace berth::serve {

inline constexpr std::size_t kMaxRequestTokens = 300'000;  // of all inputs of one request, as OpenAI's

struct TokenizedInputs {
  std::vector<std::vector<text::TokenId>> ids;  // in the order of the inputs
  std::vector<std::size_t> seconds;             // where each one's second text begins; empty: no pairs
  std::size_t skip = 0;   // first tokens of each that the pooling leaves out (a prompt's)
  std::size_t total = 0;  // ids of all inputs, special tokens included
};

// What the tokenizer gets of a text: lower-cased first for models whose side files ask for it.
std::string PrepareText(std::string text, const EncoderFacts& model);

// Moves the inputs out of `request`. Errors: an input of more tokens than the model takes, unless the request
// asks for truncation; more tokens in all than one request may have.
Parsed<TokenizedInputs> TokenizeInputs(EmbeddingsRequest& request, const EncoderFacts& model,
                                       const text::Tokenizer& tokenizer);

}  // namespace berth::serve
