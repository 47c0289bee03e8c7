#include "worker/embeddings/tokenize_pairs.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

namespace berth::serve {
namespace {

ApiError TooLong(const RerankRequest& request, std::size_t index, std::size_t tokens,
                 const EncoderFacts& model) {
  const std::string param = request.documents_key + "[" + std::to_string(index) + "]";
  return {.message = "This model's maximum context length is " + std::to_string(model.max_tokens) +
                     " tokens, but 'query' and '" + param + "' have " + std::to_string(tokens) +
                     " (special tokens included). Shorten them, or send \"truncate\": true.",
          .param = param,
          .code = "context_length_exceeded"};
}

ApiError TooMany(const RerankRequest& request) {
  return {.message = "The pairs of query and document have more than " + std::to_string(kMaxPairTokens) +
                     " tokens in all; spread the documents over several requests.",
          .param = request.documents_key,
          .code = "max_tokens_per_request"};
}

}  // namespace

Parsed<TokenizedInputs> TokenizePairs(RerankRequest& request, const EncoderFacts& model,
                                      const text::Tokenizer& tokenizer) {
  TokenizedInputs result;
  const auto limit = static_cast<std::size_t>(model.max_tokens);
  const auto encode = [&](std::string text) {
    return tokenizer.Encode(PrepareText(std::move(text), model), false);
  };
  const auto query = encode(std::move(request.query));
  for (std::string& text : request.documents) {
    const auto document = encode(request.return_documents ? text : std::move(text));
    const std::size_t read = std::min(document.size(), request.max_tokens_per_doc);
    auto pair = tokenizer.JoinPair(query, std::span(document).first(read), limit, request.truncation);
    if (pair.truncated() && !request.truncate)
      return TooLong(request, result.ids.size(), pair.full_size, model);
    result.total += pair.ids.size();
    if (result.total > kMaxPairTokens) return TooMany(request);
    result.ids.push_back(std::move(pair.ids));
    result.seconds.push_back(pair.second);
  }
  return result;
}

}  // namespace berth::serve
