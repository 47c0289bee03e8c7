// The answers to reranking requests. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "worker/embeddings/rerank_request.h"

namespace berth::serve {

struct Rank {
  std::size_t index;  // of the document
  float score;        // the logit, or its sigmoid
};

// The best request.top_n first; equals in the order of the documents. Ordered by logit: sigmoids of large
// ones are all 1.
std::vector<Rank> RankDocuments(const RerankRequest& request, std::span<const float> logits);

// Cohere's and Jina's in one: {"id":…,"object":"list","model":…,"results":[{"index":2,"relevance_score":0.9,
// "document":{"text":…}}],"meta":{"tokens":{"input_tokens":…}},"usage":{…}}; no id where it is empty.
std::string RerankReply(const RerankRequest& request, std::span<const float> logits, const std::string& model,
                        const std::string& id, std::size_t prompt_tokens);

// TEI's: [{"index":2,"score":0.9,"text":…}]
std::string TeiRerankReply(const RerankRequest& request, std::span<const float> logits);

}  // namespace berth::serve
