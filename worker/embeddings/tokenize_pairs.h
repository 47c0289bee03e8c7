// From a reranking request to the pairs of query and document that the engine runs. Pure but for the
// tokenizer; any thread.
#pragma once

#include "worker/embeddings/encoder_facts.h"
#include "worker/embeddings/rerank_request.h"
#include "worker/embeddings/tokenize_inputs.h"

namespace berth::serve {

// Of all pairs of one request: as many documents as there may be, at the usual 512 tokens.
inline constexpr std::size_t kMaxPairTokens = kMaxDocuments * 512;

// Moves out of `request` what no reply shows: the query, and the documents unless they are to come back.
// Errors: a pair of more tokens than the model takes, unless the request asks for truncation; more tokens in
// all than one request may have.
Parsed<TokenizedInputs> TokenizePairs(RerankRequest& request, const EncoderFacts& model,
                                      const text::Tokenizer& tokenizer);

}  // namespace berth::serve
